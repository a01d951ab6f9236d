"""A cancel with force: what a client sends, and what the executor hears."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from django.test import Client

from executors import tasks
from executors.attempts import lifecycle
from executors.choices import AttemptOutcome, ExecutorKind
from executors.models import Attempt
from tests.api.client import Api
from tests.factories import PLAN_AND_APPLY
from workspaces.choices import JobStatus
from workspaces.jobs import transitions
from workspaces.models import Job, Workspace
from workspaces.services.jobs import create_job

SESSION = "s" * 43
TWO_SCRIPTS = """
flow:
  - {type: customScripts, step: 100, commands: [{runtime: BASH, priority: 1, script: "true"}]}
  - {type: customScripts, step: 200, commands: [{runtime: BASH, priority: 1, script: "true"}]}
"""


@pytest.fixture
def attempt(workspace: Workspace) -> Attempt:
    """One that its executor has claimed."""
    job = create_job(workspace, by=None, tcl=PLAN_AND_APPLY)
    return _claimed(transitions.advance(job.pk), ends=False)


def _claimed(step_id: UUID | None, *, ends: bool) -> Attempt:
    assert step_id is not None
    made = lifecycle.open_attempt(step_id, executor=ExecutorKind.LOCAL)
    assert made is not None
    lifecycle.mark_launched(made, host="elsewhere")
    assert lifecycle.claim_attempt(made, SESSION) is lifecycle.Claim.WON
    if ends:
        _end(made)
    return made


def _end(attempt: Attempt) -> None:
    assert lifecycle.report_result(attempt, lifecycle.Report(outcome=AttemptOutcome.SUCCEEDED))


def force(api: Api, job: Job) -> int:
    return api.patch(f"organization/{job.organization_id}/job/{job.pk}", "job", {"forceCancel": True}).status_code


def orders(attempt: Attempt) -> tuple[bool, bool]:
    """What the executor is told at its next sign of life: to stop, and to kill."""
    answer = Client().post(
        f"/executor/v1/attempts/{attempt.pk}/heartbeat",
        b"{}",
        content_type="application/json",
        headers={"Authorization": f"Bearer {SESSION}"},
    )
    body = json.loads(answer.content)
    return body["cancel"], body["force"]


def test_a_running_job_is_cancelled_and_its_executor_told_to_kill(owner: Api, attempt: Attempt) -> None:
    job = attempt.step.job
    assert orders(attempt) == (False, False)
    assert force(owner, job) == 204
    job.refresh_from_db()
    assert job.status == JobStatus.CANCELLED
    tasks.kill_step(str(attempt.step_id))
    assert orders(attempt) == (True, True)
    # The workspace waits for the proof all the same.
    assert Job.objects.get(pk=job.pk).holds_workspace


def test_a_cancelled_job_that_still_ends_is_killed_by_a_second_request(owner: Api, attempt: Attempt) -> None:
    job = attempt.step.job
    path = f"organization/{job.organization_id}/job/{job.pk}"
    assert owner.patch(path, "job", {"status": "cancelled"}).status_code == 204
    tasks.cancel_step(str(attempt.step_id))
    assert orders(attempt) == (True, False)
    assert force(owner, job) == 204
    tasks.kill_step(str(attempt.step_id))
    assert orders(attempt) == (True, True)


def test_force_is_a_conflict_where_nothing_runs(owner: Api, workspace: Workspace) -> None:
    job = create_job(workspace, by=None, tcl=PLAN_AND_APPLY)
    assert force(owner, job) == 409


def test_who_may_not_cancel_may_not_kill(reader: Api, attempt: Attempt) -> None:
    assert force(reader, attempt.step.job) == 403
    assert Job.objects.get(pk=attempt.step.job_id).status == JobStatus.RUNNING


def test_a_request_that_names_an_earlier_step_leaves_the_workspace_to_the_one_that_runs(
    owner: Api, workspace: Workspace
) -> None:
    job = create_job(workspace, by=None, tcl=TWO_SCRIPTS)
    first, second = (_claimed(transitions.advance(job.pk), ends=ends) for ends in (True, False))
    assert force(owner, job) == 204
    # It was made, or asked for, when the first step still ran.
    tasks.kill_step(str(first.step_id))
    assert Job.objects.get(pk=job.pk).holds_workspace
    tasks.kill_step(str(second.step_id))
    assert orders(second) == (True, True)


def test_the_step_that_runs_is_looked_up_once_the_job_is_locked(
    owner: Api, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = create_job(workspace, by=None, tcl=TWO_SCRIPTS)
    first = _claimed(transitions.advance(job.pk), ends=False)
    lock, queued = transitions.lock_job, []

    def goes_on_meanwhile(key: int) -> Job | None:
        _end(first)
        queued.append(_claimed(transitions.advance(job.pk), ends=False))
        return lock(key)

    monkeypatch.setattr(transitions, "lock_job", goes_on_meanwhile)
    told: list[str] = []
    monkeypatch.setattr("workspaces.services.jobs.enqueue", lambda _task, key, **_options: told.append(key))
    assert force(owner, job) == 204
    assert told == [str(queued[0].step_id)]
