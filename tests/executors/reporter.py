"""An executor of one attempt, as far as HTTP goes, and how its job is started."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse
from django.test import Client

from executors.attempts import lifecycle
from executors.attempts.tokens import claim_token
from executors.choices import ExecutorKind
from executors.models import Attempt
from tests.factories import PLAN_AND_APPLY
from workspaces.jobs import transitions
from workspaces.models import Job, Workspace
from workspaces.services import jobs

SESSION = "s" * 43
STATE = {"version": 4, "serial": 7, "lineage": "l-1", "outputs": {}, "resources": []}
LOCK = {"ID": "lock-1", "Operation": "OperationTypeApply", "Who": "me"}


class Executor:
    """An executor of one attempt, as far as HTTP goes."""

    def __init__(self, attempt: Attempt, session: str = SESSION) -> None:
        self.attempt = attempt
        self.session = session
        self._client = Client()

    def call(self, path: str, body: Any = b"", *, method: str = "post", token: str | None = None) -> HttpResponse:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._client.generic(  # type: ignore[return-value]
            method.upper(),
            f"/executor/v1/attempts/{self.attempt.pk}/{path}",
            data,
            content_type="application/octet-stream",
            headers={"Authorization": f"Bearer {self.session if token is None else token}"},
        )

    def claim(self) -> HttpResponse:
        return self.call("claim", {"session": self.session}, token=claim_token(self.attempt))


def launch(workspace: Workspace, tcl: str = PLAN_AND_APPLY) -> Executor:
    """Start a job of the workspace, and return the executor of its first step, which has not claimed yet."""
    job = jobs.create_job(workspace, by=None, tcl=tcl)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    attempt = lifecycle.open_attempt(step_id, executor=ExecutorKind.LOCAL)
    assert attempt is not None
    lifecycle.mark_launched(attempt, host="here")
    return Executor(attempt)


def job_of(executor: Executor) -> Job:
    return Job.objects.get(steps__attempts=executor.attempt)
