"""Whether a step may still start is asked when it is handed over, whatever was true when its job began."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.factories import PLAN, PLAN_AND_APPLY, PLAN_APPROVE_APPLY, TemplateFactory, WorkspaceFactory
from workspaces.choices import JobStatus
from workspaces.errors import WrongState
from workspaces.jobs import transitions
from workspaces.jobs.obstacles import DELETED, DISABLED, LOCKED
from workspaces.jobs.transitions import Outcome
from workspaces.jobs.transitions.table import REJECTED
from workspaces.models import Job, Organization, Schedule, Workspace
from workspaces.services import jobs, locks, organizations, workspaces
from workspaces.services.schedules import create_schedule, start_due

pytestmark = pytest.mark.django_db

WITH_CHANGES = Outcome(succeeded=True, changes=True, plan="https://site.example/plan")
REJECTION = PLAN + (
    "  - type: approval\n    step: 150\n    onReject:\n      - {runtime: BASH, priority: 1, script: echo no}\n"
)


@pytest.fixture
def workspace() -> Workspace:
    return WorkspaceFactory.create()


def delete(workspace: Workspace) -> None:
    workspaces.delete_workspace(workspace, by=None)


def disable(workspace: Workspace) -> None:
    organizations.update_organization(workspace.organization, {"disabled": True}, by=None)


GONE = pytest.mark.parametrize(("remove", "code"), [(delete, DELETED), (disable, DISABLED)])


def fresh(job: Job) -> Job:
    found: Job = Job.objects.select_related("workspace", "organization").get(pk=job.pk)
    return found


def planned(workspace: Workspace, tcl: str = PLAN_APPROVE_APPLY) -> Job:
    """A job whose plan is done, and that was asked what comes next."""
    job = jobs.create_job(workspace, by=None, tcl=tcl)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    assert transitions.start_step(step_id)
    assert transitions.finish_step(step_id, WITH_CHANGES)
    transitions.advance(job.pk)
    return fresh(job)


def status_of(job: Job, number: int) -> str:
    return str(job.steps.get(step_number=number).status)


def assert_failed(job: Job, code: str) -> None:
    found = fresh(job)
    assert (found.status, found.reason_code, found.holds_workspace) == (JobStatus.FAILED, code, False)
    assert found.reason
    assert not found.steps.in_executor().exists()


@GONE
def test_approving_a_job_whose_workspace_is_gone_is_refused_and_ends_it(
    workspace: Workspace, remove: Callable[[Workspace], None], code: str
) -> None:
    job = planned(workspace)
    remove(workspace)
    with pytest.raises(WrongState, match=r"does not wait for approval: it is failed\. The (workspace|organization) "):
        jobs.approve_job(job, by=None)
    assert_failed(job, code)
    assert status_of(job, 200) == JobStatus.FAILED


@GONE
@pytest.mark.parametrize("stage", ["new", "between steps", "waits for approval", "approved"])
def test_a_job_that_waits_ends_with_its_reason(
    workspace: Workspace, remove: Callable[[Workspace], None], code: str, stage: str
) -> None:
    if stage == "new":
        job = jobs.create_job(workspace, by=None, tcl=PLAN_AND_APPLY)
    elif stage == "between steps":
        job = jobs.create_job(workspace, by=None, tcl=PLAN_AND_APPLY)
        step_id = transitions.advance(job.pk)
        assert step_id is not None
        transitions.start_step(step_id)
        transitions.finish_step(step_id, WITH_CHANGES)
    else:
        job = planned(workspace)
        if stage == "approved":
            jobs.approve_job(job, by=None)
    remove(workspace)
    assert transitions.advance(job.pk) is None
    assert_failed(job, code)


@GONE
def test_a_step_that_runs_goes_on_to_its_end_and_no_other_is_started(
    workspace: Workspace, remove: Callable[[Workspace], None], code: str
) -> None:
    job = jobs.create_job(workspace, by=None, tcl=PLAN_AND_APPLY)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    transitions.start_step(step_id)
    remove(workspace)
    assert transitions.advance(job.pk) is None
    found = fresh(job)
    assert (found.status, found.reason_code) == (JobStatus.RUNNING, code)
    assert "the running step finishes" in found.reason
    assert transitions.finish_step(step_id, WITH_CHANGES)
    assert transitions.advance(job.pk) is None
    assert_failed(job, code)
    assert status_of(job, 100) == JobStatus.COMPLETED


@GONE
def test_a_job_whose_last_step_went_on_to_its_end_is_completed(
    workspace: Workspace, remove: Callable[[Workspace], None], code: str
) -> None:
    job = jobs.create_job(workspace, by=None, tcl=PLAN)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    transitions.start_step(step_id)
    remove(workspace)
    transitions.finish_step(step_id, WITH_CHANGES)
    assert transitions.advance(job.pk) is None
    assert fresh(job).status == JobStatus.COMPLETED, code


@GONE
def test_rejecting_ends_a_job_whose_workspace_is_gone_without_its_commands(
    workspace: Workspace, remove: Callable[[Workspace], None], code: str
) -> None:
    job = planned(workspace, REJECTION)
    remove(workspace)
    rejected = jobs.reject_job(job, by=None, comment="too late")
    assert (rejected.status, rejected.reason) == (JobStatus.REJECTED, "Rejected by Internal: too late")
    assert code
    assert not job.steps.in_executor().exists()


def test_an_approved_apply_waits_while_its_workspace_is_locked_and_goes_on_afterwards(workspace: Workspace) -> None:
    job = planned(workspace)
    locks.lock_workspace(workspace, by=None, reason="freeze")
    jobs.approve_job(job, by=None)
    assert transitions.advance(job.pk) is None
    found = fresh(job)
    assert (found.status, found.reason_code) == (JobStatus.APPROVED, LOCKED)
    assert found.reason == "The workspace is locked: freeze"
    assert status_of(job, 200) == JobStatus.PENDING
    locks.unlock_workspace(workspace, by=None)
    assert transitions.advance(job.pk) == job.steps.get(step_number=200).pk


def test_a_job_between_two_steps_waits_while_its_workspace_is_locked(workspace: Workspace) -> None:
    job = jobs.create_job(workspace, by=None, tcl=PLAN_AND_APPLY)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    transitions.start_step(step_id)
    locks.lock_workspace(workspace, by=None)
    transitions.finish_step(step_id, WITH_CHANGES)
    assert transitions.advance(job.pk) is None
    assert (fresh(job).status, fresh(job).reason_code) == (JobStatus.PENDING, LOCKED)
    assert jobs.cancel_job(fresh(job), by=None).status == JobStatus.CANCELLED


def test_an_approval_can_be_decided_while_its_workspace_is_locked(workspace: Workspace) -> None:
    job = planned(workspace)
    locks.lock_workspace(workspace, by=None)
    assert jobs.reject_job(job, by=None).status == JobStatus.REJECTED


def test_commands_for_a_rejection_wait_while_the_workspace_is_locked(workspace: Workspace) -> None:
    job = planned(workspace, REJECTION)
    locks.lock_workspace(workspace, by=None, reason="freeze")
    jobs.reject_job(job, by=None)
    found = fresh(job)
    assert (found.status, found.reason_code) == (JobStatus.WAITING_APPROVAL, LOCKED)
    assert job.steps.get(step_number=150).decision == REJECTED
    locks.unlock_workspace(workspace, by=None)
    step_id = transitions.advance(job.pk)
    assert step_id == job.steps.get(step_number=150).pk
    assert step_id is not None
    transitions.start_step(step_id)
    transitions.finish_step(step_id, Outcome(succeeded=True))
    assert fresh(job).status == JobStatus.REJECTED


def test_unlocking_tells_jobs_that_have_begun(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    job = planned(workspace)
    locks.lock_workspace(workspace, by=None)
    jobs.approve_job(job, by=None)
    transitions.advance(job.pk)
    assert list(Job.objects.unfinished_on(workspace.pk)) == [job]


@pytest.mark.parametrize("remove", [delete, disable])
def test_the_clock_starts_nothing_where_nothing_may_start(
    workspace: Workspace, remove: Callable[[Workspace], None]
) -> None:
    template = TemplateFactory.create(organization=workspace.organization)
    schedule = create_schedule(Schedule(workspace=workspace, cron="0 0 * * * ?", template=template), by=None)
    assert schedule.next_at is not None
    remove(workspace)
    assert start_due(schedule.next_at) == []
    with pytest.raises(WrongState, match=r"was deleted|is disabled"):
        jobs.create_job(fresh_workspace(workspace), by=None, tcl=PLAN)


def fresh_workspace(workspace: Workspace) -> Workspace:
    found: Workspace = Workspace.objects.select_related("organization").get(pk=workspace.pk)
    return found


def test_enabling_an_organization_gives_back_what_was_hidden_with_it_and_no_more(workspace: Workspace) -> None:
    organization: Organization = workspace.organization
    gone = WorkspaceFactory.create(organization=organization)
    delete(gone)
    disable(workspace)
    assert fresh_workspace(workspace).deleted
    organizations.update_organization(organization, {"disabled": False}, by=None)
    assert (fresh_workspace(workspace).deleted, fresh_workspace(gone).deleted) == (False, True)
    job: Any = jobs.create_job(fresh_workspace(workspace), by=None, tcl=PLAN)
    assert transitions.advance(job.pk) is not None
