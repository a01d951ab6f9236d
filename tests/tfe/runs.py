"""What the tests of runs share: an archive, a run of it, and the work of an executor."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from typing import Any

from django.test import Client

from executors.attempts import lifecycle
from executors.choices import AttemptOutcome, AttemptState, ExecutorKind
from executors.logs import store
from executors.models import Attempt
from tests.api.client import Api, token_of
from workspaces.jobs import transitions
from workspaces.jobs.transitions import Outcome
from workspaces.models import Job, Step, Workspace
from workspaces.services.organizations import add_default_templates

WITH_CHANGES = Outcome(succeeded=True, changes=True)
NO_CHANGES = Outcome(succeeded=True, changes=False)
DONE = Outcome(succeeded=True)


def archive(files: Mapping[str, str]) -> bytes:
    """A tar.gz of files; of a folder alone without any."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as made:
        folder = tarfile.TarInfo(".")
        folder.type = tarfile.DIRTYPE
        made.addfile(folder)
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            made.addfile(member, io.BytesIO(text.encode()))
    return gzip.compress(content.getvalue())


SOURCE = archive({"main.tf": 'output "a" {\n  value = 1\n}\n'})


def new_version(api: Api, workspace: Workspace, content: bytes | None = SOURCE, **attributes: bool) -> str:
    """The id of a new configuration version, with its archive uploaded unless there is none."""
    path = f"workspaces/{workspace.pk}/configuration-versions"
    named = {name.replace("_", "-"): value for name, value in attributes.items()}
    made = api.made(path, "configuration-versions", named)
    assert made["attributes"]["status"] == "pending"
    if content is not None:
        response = put(made["attributes"]["upload-url"], content)
        assert response.status_code == 200, response.content
    return str(made["id"])


def put(address: str, content: bytes) -> Any:
    path = "/" + address.split("/", 3)[3]
    return Client().put(path, content, content_type="application/octet-stream")


def ask_run(api: Api, workspace: Workspace, version: str = "", **attributes: Any) -> Any:
    """The answer to a request for a run."""
    named = {name.replace("_", "-"): value for name, value in attributes.items()}
    related: dict[str, Any] = {"workspace": ("workspaces", workspace.pk)}
    if version:
        related["configuration-version"] = ("configuration-versions", version)
    return api.post("runs", "runs", named, related)


def start_run(api: Api, workspace: Workspace, version: str = "", **attributes: Any) -> Job:
    """The job of a new run."""
    response = ask_run(api, workspace, version, **attributes)
    assert response.status_code == 201, response.content
    return Job.objects.get(pk=json.loads(response.content)["data"]["id"].removeprefix("run-"))


def begin(job: Job) -> Attempt:
    """Launch and claim the next step of a job."""
    step_id = transitions.advance(job.pk)
    assert step_id is not None, Job.objects.get(pk=job.pk).reason
    attempt = lifecycle.open_attempt(step_id, executor=ExecutorKind.LOCAL)
    assert attempt is not None
    lifecycle.mark_launched(attempt, host="here")
    assert lifecycle.claim_attempt(attempt, "session") is lifecycle.Claim.WON
    return attempt


def end(attempt: Attempt, outcome: Outcome = DONE, log: bytes = b"") -> None:
    """End a step as its executor reports it."""
    if log:
        store.append_log(attempt, Attempt.objects.get(pk=attempt.pk).log_size, log)
    result = AttemptOutcome.SUCCEEDED if outcome.succeeded else AttemptOutcome.FAILED
    Attempt.objects.filter(pk=attempt.pk).update(state=AttemptState.ENDED, outcome=result)
    assert transitions.finish_step(attempt.step_id, outcome)


def run_step(job: Job, outcome: Outcome = DONE, log: bytes = b"") -> Step:
    """Run the next step of a job."""
    attempt = begin(job)
    end(attempt, outcome, log)
    return attempt.step


def read_log(api: Api, phase: str, job: Job, *, limit: int = 65536, start: int = 0) -> bytes:
    """A log as a client reads it: without a token, by the byte, until nothing more comes."""
    kind = "plans" if phase == "plan" else "applies"
    address = api.read(f"{kind}/{phase}-{job.pk}")["data"]["attributes"]["log-read-url"]
    path = "/" + address.split("/", 3)[3]
    found = b""
    while piece := _piece(path, limit, start + len(found)):
        found += piece
    return found


def _piece(path: str, limit: int, offset: int) -> bytes:
    response = Client().get(f"{path}?limit={limit}&offset={offset}")
    assert response.status_code == 200, response.content
    assert len(response.content) <= limit
    return bytes(response.content)


def with_templates(workspace: Workspace) -> Workspace:
    """Let terminals run a workspace: its organization has the default templates, its source is theirs."""
    add_default_templates(workspace.organization, by=None)
    Workspace.objects.filter(pk=workspace.pk).update(source="empty", branch="remote-content")
    workspace.refresh_from_db()
    return workspace


def owner_of_runs() -> Api:
    return Api(token_of("OWNERS", name="owner@example.com"), prefix="/api/v2/")


def run_of(api: Api, job: Job) -> Any:
    return api.read(f"runs/run-{job.pk}")["data"]["attributes"]


def states(api: Api, job: Job) -> tuple[str, str, str]:
    """The statuses of a run, its plan and its apply."""
    plan = api.read(f"plans/plan-{job.pk}")["data"]["attributes"]["status"]
    apply = api.read(f"applies/apply-{job.pk}")["data"]["attributes"]["status"]
    return run_of(api, job)["status"], plan, apply


def act(api: Api, job: Job, action: str) -> int:
    return api.call("POST", f"runs/run-{job.pk}/actions/{action}", {"comment": "fine"}).status_code
