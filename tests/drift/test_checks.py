"""When a drift check is made, what it gives way to, and that it applies nothing."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from executors import tasks
from tests.drift.conftest import NOW, end_check, fresh, make_checks, organization, runs, workspace
from tests.factories import PLAN, PLAN_AND_APPLY, OrganizationFactory, TemplateFactory, WorkspaceFactory
from workspaces.choices import JobStatus, StepType, Via
from workspaces.jobs import transitions
from workspaces.models import Drift, Job, RunLimits, Workspace
from workspaces.services import drift_checks, jobs, locks

pytestmark = pytest.mark.django_db
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)


def persons_job(on: Workspace, tcl: str = PLAN_AND_APPLY, **options: Any) -> Job:
    """A job that a person starts, after it went on as far as it can."""
    job = jobs.create_job(on, by=None, tcl=tcl, **options)
    transitions.advance(job.pk)
    return fresh(job)


# ---- which are made -------------------------------------------------------------------------------------------------


def test_a_check_is_one_plan_of_the_lowest_priority_that_holds_nothing() -> None:
    workspace(organization())
    (check,) = make_checks()
    assert (check.via, check.plan_only, check.holds_workspace, check.priority) == (Via.DRIFT, True, False, -100)
    assert check.steps.get().type == StepType.PLAN
    assert runs(check)


def test_a_check_is_not_the_last_job_of_its_workspace() -> None:
    checked = workspace(organization())
    make_checks()
    checked.refresh_from_db()
    assert checked.last_job_date is None


def test_a_check_plans_as_the_default_template_does_and_applies_nothing() -> None:
    checked = workspace(organization())
    tcl = (
        "flow:\n  - type: terraformPlan\n    step: 100\n    name: Prepared\n"
        "    commands: [{runtime: BASH, script: ./log-in, priority: 1, before: true}]\n"
        "  - {type: terraformApply, step: 200, name: Apply}\n"
    )
    checked.default_template = TemplateFactory.create(organization=checked.organization, tcl=tcl)
    checked.save()
    (check,) = make_checks()
    (step,) = check.steps.all()
    assert (step.name, step.flow["commands"][0]["script"]) == ("Prepared", "./log-in")


def test_only_workspaces_with_checks_on_are_checked() -> None:
    by_default, off = workspace(owner := organization()), workspace(owner, drift_checks=False)
    WorkspaceFactory.create(organization=OrganizationFactory.create())
    single = workspace(OrganizationFactory.create(), drift_checks=True)
    assert {check.workspace for check in make_checks()} == {by_default, single}
    assert not Drift.objects.filter(workspace=off).exists()


def test_a_workspace_is_checked_again_after_its_own_interval() -> None:
    owner = organization(drift_interval_hours=12)
    slow, quick = workspace(owner, drift_interval_hours=48), workspace(owner, drift_interval_hours=1)
    usual = workspace(organization())
    for check in make_checks():
        end_check(check)

    def due(after: dt.timedelta) -> set[Workspace]:
        return set(drift_checks.due_workspaces(NOW + after))

    assert due(HOUR / 2) == set()
    assert due(HOUR) == {quick}
    assert due(DAY) == {quick, usual}
    assert due(2 * DAY) == {quick, usual, slow}


def test_the_stalest_comes_first_and_never_checked_before_all() -> None:
    owner = organization(drift_concurrent_checks=1)
    old, older, never = (workspace(owner) for _ in range(3))
    for record, days in ((old, 2), (older, 3)):
        Drift.objects.create(workspace=record, tried_at=NOW - days * DAY, checked_at=NOW - days * DAY)
    order = []
    for _ in range(3):
        (check,) = make_checks()
        order.append(check.workspace)
        end_check(check)
    assert order == [never, older, old]


@pytest.mark.parametrize("state", ["locked", "deleted", "disabled"])
def test_a_workspace_where_nothing_may_run_is_not_checked(state: str) -> None:
    checked = workspace(organization())
    on = checked.organization if state == "disabled" else checked
    setattr(on, state, True)
    on.save()
    assert make_checks() == []


@pytest.mark.parametrize("tcl", [PLAN, PLAN_AND_APPLY])
def test_a_workspace_with_a_persons_job_is_not_checked(tcl: str) -> None:
    checked = workspace(organization())
    job = persons_job(checked, tcl)
    assert make_checks() == []
    transitions.cancel(job.pk, by="ann")
    Job.objects.update(holds_workspace=False)
    assert len(make_checks()) == 1


# ---- budget and room ------------------------------------------------------------------------------------------------


def test_an_organization_has_only_so_many_checks_at_once_and_another_has_its_own() -> None:
    narrow, usual = organization(drift_concurrent_checks=1), organization()
    for _ in range(4):
        workspace(narrow)
        workspace(usual)
    made = make_checks()
    assert [sum(check.organization == owner for check in made) for owner in (narrow, usual)] == [1, 2]
    assert make_checks() == []
    end_check(next(check for check in made if check.organization == narrow))
    assert [check.organization for check in make_checks()] == [narrow]


def test_an_organization_has_only_so_many_checks_a_day() -> None:
    owner = organization(drift_daily_checks=2, drift_concurrent_checks=9, drift_interval_hours=1)
    for _ in range(3):
        workspace(owner)
    made = make_checks()
    assert len(made) == 2
    for check in made:
        end_check(check)
    assert make_checks(NOW + 2 * HOUR) == []
    Job.objects.update(created_date=NOW - DAY)
    assert len(make_checks(NOW + 2 * HOUR)) == 2


def test_no_check_is_made_where_a_limit_leaves_no_room() -> None:
    owner = organization(running_steps=1)
    persons_job(workspace(owner, drift_checks=False), PLAN)
    workspace(owner)
    assert make_checks() == []


def test_no_check_is_made_while_a_job_waits_for_room() -> None:
    limited = organization(running_steps=1)
    for _ in range(2):
        persons_job(workspace(limited, drift_checks=False), PLAN)
    workspace(organization())
    assert make_checks() == []


def test_a_check_that_finds_no_room_at_its_start_has_no_place_in_line() -> None:
    owner = organization(running_steps=1)
    workspace(owner)
    other = workspace(owner, drift_checks=False)
    (check,) = drift_checks.start_due(NOW)
    persons_job(other, PLAN)
    transitions.advance(check.pk)
    check = fresh(check)
    assert (check.status, check.waits_for_room) == (JobStatus.CANCELLED, "")
    assert check.reason == (
        f"Stopped for lack of capacity: the organization {owner.name} may have 1 step at once; "
        "drift is checked again later"
    )


def test_the_queries_do_not_grow_with_the_workspaces(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    owner = organization(drift_concurrent_checks=1)
    for _ in range(30):
        workspace(owner)
    make_checks()
    with django_assert_max_num_queries(16):
        drift_checks.turn(NOW)


# ---- giving back ----------------------------------------------------------------------------------------------------


def run_queued(queued: list[tuple[Any, ...]]) -> None:
    """Run what waits in the task queue, and what that queues, except launches and stops of executors."""
    while queued:
        name, *arguments = queued.pop(0)
        if name.rpartition(".")[2] not in {"launch_step", "cancel_step"}:
            getattr(tasks, name.rpartition(".")[2])(*arguments)


@pytest.mark.parametrize("tcl", [PLAN, PLAN_AND_APPLY])
def test_a_persons_job_ends_the_check_of_its_workspace_and_does_not_wait_for_it(
    tcl: str, queued: list[tuple[Any, ...]], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    checked = workspace(organization())
    (check,) = make_checks()
    transitions.start_step(check.steps.in_executor().get().pk)
    with django_capture_on_commit_callbacks(execute=True):
        job = persons_job(checked, tcl)
        assert runs(job), "it does not even wait for the check to be cancelled"
    run_queued(queued)
    check = fresh(check)
    assert check.status == JobStatus.CANCELLED
    assert check.reason == f"Stopped for job {job.pk} of this workspace; drift is checked again later"


def test_the_executor_of_a_check_is_stopped_as_that_of_any_cancelled_job(
    queued: list[tuple[Any, ...]], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    checked = workspace(organization())
    (check,) = make_checks()
    step = check.steps.in_executor().get()
    job = persons_job(checked)
    with django_capture_on_commit_callbacks(execute=True):
        assert drift_checks.give_back(job.pk) == [check.pk]
    assert ("executors.tasks.cancel_step", str(step.pk)) in queued
    assert drift_checks.give_back(job.pk) == []


def test_a_job_that_waits_for_room_gets_that_of_one_check(
    queued: list[tuple[Any, ...]], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    owner = organization(running_steps=2)
    for _ in range(2):
        workspace(owner)
    other = workspace(owner, drift_checks=False)
    checks = make_checks()
    assert [runs(check) for check in checks] == [True, True]
    with django_capture_on_commit_callbacks(execute=True):
        job = persons_job(other)
    assert not runs(job)
    with django_capture_on_commit_callbacks(execute=True):
        run_queued(queued)
    run_queued(queued)
    assert runs(job)
    ended = [check for check in map(fresh, checks) if check.status == JobStatus.CANCELLED]
    assert [check.reason for check in ended] == [
        f"Stopped for job {job.pk}, which needed the capacity; drift is checked again later"
    ]


def test_a_limit_on_applies_takes_no_check_its_room() -> None:
    owner = organization(running_applies=1)
    workspace(owner)
    apply = "flow:\n  - {type: terraformApply, name: Apply, step: 100}\n"
    (check,) = make_checks()
    jobs_of_persons = [persons_job(workspace(owner, drift_checks=False), apply) for _ in range(2)]
    assert drift_checks.give_back(jobs_of_persons[1].pk) == []
    assert runs(check)


def test_the_sweep_gives_back_what_a_lost_task_did_not() -> None:
    owner = organization(running_steps=1)
    checked, other = workspace(owner), workspace(owner, drift_checks=False)
    (check,) = make_checks()
    persons_job(other, PLAN)
    drift_checks.give_back_all()
    assert fresh(check).status == JobStatus.CANCELLED
    Job.objects.all().delete()
    RunLimits.objects.update(running_steps=None)
    (check,) = make_checks(NOW + 2 * DAY)
    persons_job(checked)
    drift_checks.give_back_all()
    assert fresh(check).status == JobStatus.CANCELLED


def test_a_check_that_meets_a_persons_job_or_a_lock_before_it_starts_is_given_back() -> None:
    checked, locked = (workspace(organization()) for _ in range(2))
    checks = {check.workspace: check for check in drift_checks.start_due(NOW)}
    job = persons_job(checked, PLAN)
    locks.lock_workspace(locked, by=None, reason="audit")
    for check in checks.values():
        transitions.advance(check.pk)
    assert [fresh(check).status for check in checks.values()] == [JobStatus.CANCELLED] * 2
    assert f"job {job.pk} of this workspace" in fresh(checks[checked]).reason
    assert "the workspace is locked" in fresh(checks[locked]).reason
    assert not any(check.steps.exists() for check in checks.values())


def test_a_check_that_was_given_back_is_made_again_after_a_while() -> None:
    checked = workspace(organization())
    (check,) = make_checks()
    job = persons_job(checked, PLAN)
    drift_checks.give_back(job.pk)
    tasks.judge_drift_check(check.pk)
    record = Drift.objects.get(workspace=checked)
    assert (record.status, record.checked_at, record.judged) == ("", None, True)
    assert record.due_at is not None
    assert make_checks(record.due_at) == []
    transitions.cancel(job.pk, by="ann")
    assert make_checks(record.due_at - dt.timedelta(seconds=1)) == []
    assert len(make_checks(record.due_at)) == 1
