"""The claim asks once more whether its step may begin: what was true at the handing over may be so no longer."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from executors import tasks
from executors.attempts import lifecycle
from executors.attempts.lifecycle import Claim
from executors.choices import AttemptOutcome, AttemptState, ExecutorKind
from executors.launching import barred_attempts, launcher
from executors.models import Attempt
from executors.watching.lost_tasks import Requeue, requeue_jobs, requeue_steps
from tests.executors.reporter import Executor
from tests.factories import PLAN_AND_APPLY, WorkspaceFactory
from workspaces.choices import JobStatus
from workspaces.jobs import transitions
from workspaces.jobs.obstacles import DELETED, DISABLED, LOCKED
from workspaces.models import Job, Workspace
from workspaces.services import jobs, locks, organizations, workspaces

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    return WorkspaceFactory.create()


@pytest.fixture
def attempt(workspace: Workspace) -> Attempt:
    """One that is launched and that nobody has claimed."""
    job = jobs.create_job(workspace, by=None, tcl=PLAN_AND_APPLY)
    opened = transitions.hand_over(job.pk, to=launcher.open_first_attempt)
    assert opened is not None
    lifecycle.mark_launched(opened[0], host="here")
    return opened[0]


def job_of(attempt: Attempt) -> Job:
    return Job.objects.get(steps=attempt.step_id)


def delete(workspace: Workspace) -> None:
    workspaces.delete_workspace(workspace, by=None)


def disable(workspace: Workspace) -> None:
    organizations.update_organization(workspace.organization, {"disabled": True}, by=None)


@pytest.mark.parametrize(("remove", "code"), [(delete, DELETED), (disable, DISABLED)])
def test_a_claim_on_a_workspace_that_is_gone_is_refused_and_its_job_ends(
    workspace: Workspace, attempt: Attempt, remove: Callable[[Workspace], None], code: str
) -> None:
    remove(workspace)
    refused = Executor(attempt).claim()
    said = json.loads(refused.content)["errors"][0]
    assert (refused.status_code, said["code"]) == (410, "attempt-over")
    assert "so the job does not run" in said["detail"]
    job = job_of(attempt)
    assert (job.status, job.reason_code, job.holds_workspace) == (JobStatus.FAILED, code, False)
    attempt.refresh_from_db()
    assert (attempt.outcome, attempt.claimed_at) == (AttemptOutcome.FAILED, None)
    # Asked again, it is told the same.
    assert Executor(attempt).claim().status_code == 410


def test_an_executor_that_has_claimed_goes_on(workspace: Workspace, attempt: Attempt) -> None:
    executor = Executor(attempt)
    assert executor.claim().status_code == 200
    delete(workspace)
    assert executor.claim().status_code == 200
    assert executor.call("heartbeat", {}).status_code == 200
    assert job_of(attempt).status == JobStatus.RUNNING


def test_a_claim_on_a_locked_workspace_is_refused_and_its_step_is_handed_over_later(
    workspace: Workspace, attempt: Attempt
) -> None:
    locks.lock_workspace(workspace, by=None, reason="freeze")
    assert Executor(attempt).claim().status_code == 410
    job = job_of(attempt)
    assert (job.status, job.reason_code, job.reason) == (
        JobStatus.PENDING,
        LOCKED,
        "The workspace is locked: freeze",
    )
    attempt.refresh_from_db()
    assert attempt.outcome == AttemptOutcome.REPLACED
    assert transitions.hand_over(job.pk, to=launcher.open_first_attempt) is None
    locks.unlock_workspace(workspace, by=None)
    opened = transitions.hand_over(job.pk, to=launcher.open_first_attempt)
    assert opened is not None
    again = opened[0]
    assert (again.number, again.step_id, again.state) == (2, attempt.step_id, AttemptState.NEW)
    lifecycle.mark_launched(again, host="here")
    assert lifecycle.claim_attempt(again, "s" * 43) is Claim.WON
    # The first one's executor gets nothing, however late it comes.
    assert Executor(attempt).claim().status_code == 410


def test_a_step_that_was_put_back_and_handed_over_by_the_line_gets_an_attempt_of_its_own(
    workspace: Workspace, attempt: Attempt
) -> None:
    locks.lock_workspace(workspace, by=None)
    assert lifecycle.end_if_blocked(attempt)
    locks.unlock_workspace(workspace, by=None)
    job = job_of(attempt)
    # As ``fill_room`` does it, whose task may be lost: the attempt before is not the answer to this handing over.
    assert transitions.advance(job.pk) == attempt.step_id
    requeue_steps(Requeue())
    assert job_of(attempt).status == JobStatus.QUEUE
    again = lifecycle.open_attempt(attempt.step_id, executor=ExecutorKind.LOCAL)
    assert again is not None
    assert again.number == 2


def test_what_was_launched_for_a_workspace_that_is_gone_is_ended_before_anybody_claims(
    workspace: Workspace, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[Attempt] = []
    monkeypatch.setattr("executors.launching.launcher.stop_attempt", stopped.append)
    assert barred_attempts.end_barred_attempts() == 0
    delete(workspace)
    tasks.advance_workspace(str(workspace.pk))
    assert stopped == [attempt]
    assert (job_of(attempt).status, job_of(attempt).reason_code) == (JobStatus.FAILED, DELETED)


def test_the_sweep_finds_jobs_that_nobody_told(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    job = jobs.create_job(workspace, by=None, tcl=PLAN_AND_APPLY)
    Workspace.objects.filter(pk=workspace.pk).update(deleted=True, locked=True)
    Job.objects.filter(pk=job.pk).update(updated_date="2020-01-01T00:00:00Z")
    found: list[object] = []
    requeue_jobs(lambda *task, **occasion: found.append(task))  # type: ignore[arg-type]
    assert found == [("advance_job", job.pk)]
