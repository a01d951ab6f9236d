"""An image of ours that is older than the site never gets a job whose targets it would not keep to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from executors.agent import VERSION
from executors.attempts import lifecycle
from executors.attempts.tokens import claim_token
from executors.choices import ExecutorKind
from executors.models import Attempt
from tests.factories import DESTROY, PLAN_AND_APPLY, WorkspaceFactory
from workspaces.choices import JobStatus
from workspaces.jobs import transitions
from workspaces.models import Job
from workspaces.services.jobs import create_job

pytestmark = pytest.mark.django_db
OLD: list[dict[str, Any]] = [{}, {"agent": {"version": "1.0"}}, {"agent": {"version": "x"}}, {"agent": "1.1"}]
ASKED: list[dict[str, Any]] = [
    {"tcl": DESTROY, "targets": ["t.a"]},
    {"tcl": PLAN_AND_APPLY, "replaces": ["t.a"]},
    {"tcl": PLAN_AND_APPLY, "refresh": False},
    {"tcl": PLAN_AND_APPLY, "refresh_only": True},
]


def claimed(job: Job, content: dict[str, Any]) -> tuple[Attempt, int]:
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    attempt = lifecycle.open_attempt(step_id, executor=ExecutorKind.LOCAL)
    assert attempt is not None
    lifecycle.mark_launched(attempt, host="here")
    answer = Client().post(
        f"/executor/v1/attempts/{attempt.pk}/claim",
        json.dumps({"session": "s" * 43, **content}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {claim_token(attempt)}"},
    )
    job.refresh_from_db()
    return attempt, answer.status_code


@pytest.mark.parametrize("content", OLD, ids=str)
@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_an_older_executor_gets_no_step_that_it_would_not_keep_to(
    asked: dict[str, Any], content: dict[str, Any]
) -> None:
    job = create_job(WorkspaceFactory.create(), by=None, **asked)
    attempt, status = claimed(job, content)
    assert (status, job.status, job.reason_code) == (410, JobStatus.FAILED, "scope-not-kept")
    attempt.refresh_from_db()
    assert attempt.claimed_at is None
    assert "older than this site" in job.reason


@pytest.mark.parametrize("content", OLD, ids=str)
def test_it_gets_what_asks_nothing(content: dict[str, Any]) -> None:
    job = create_job(WorkspaceFactory.create(), by=None, tcl=PLAN_AND_APPLY)
    assert claimed(job, content)[1] == 200


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_the_executor_of_this_release_gets_all(asked: dict[str, Any]) -> None:
    job = create_job(WorkspaceFactory.create(), by=None, **asked)
    assert claimed(job, {"agent": {"version": VERSION}})[1] == 200
