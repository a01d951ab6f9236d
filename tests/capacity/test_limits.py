"""Limits on the steps that are in execution at once, and who is next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from executors.watching import lost_tasks
from executors.watching.lost_tasks import Requeue
from tests.capacity.conftest import end, fill, fresh, organization, runs, start, workspace
from tests.factories import PLAN, PLAN_AND_APPLY, PLAN_APPROVE_APPLY
from workspaces.choices import JobStatus, RoomClass
from workspaces.jobs import capacity, transitions
from workspaces.models import Job, RunLimits, Workspace
from workspaces.services import jobs, locks

pytestmark = pytest.mark.django_db
type Whole = Callable[..., None]
APPLY = "flow:\n  - {type: terraformApply, name: Apply, step: 100}\n"


# ---- limits ---------------------------------------------------------------------------------------------------------


def test_a_job_beyond_its_organizations_limit_waits_and_says_which_limit() -> None:
    owner = organization(running_steps=2)
    first, second, third = (start(owner) for _ in range(3))
    assert (runs(first), runs(second), runs(third)) == (True, True, False)
    assert third.status == JobStatus.PENDING
    assert third.reason == f"Waits for room: the organization {owner.name} may have 2 steps at once"
    assert third.reason_code == "organization-limit"
    assert not third.holds_workspace
    assert third.started_at is None
    end(first)
    fill()
    assert runs(third)
    assert fresh(third).waits_for_room == ""


def test_a_limit_of_one_organization_holds_up_no_other() -> None:
    start(limited := organization(running_steps=1))
    assert not runs(start(limited))
    assert runs(start(organization()))


def test_a_workspaces_limit_counts_its_plans_alone() -> None:
    owner = organization()
    narrow = workspace(owner, running_steps=1)
    first, second = start(narrow), start(narrow)
    assert (runs(first), runs(second), runs(start(owner))) == (True, False, True)
    assert f"the workspace {narrow.name} may have 1 step at once" in second.reason


def test_the_installations_limit_counts_all_organizations(whole: Whole) -> None:
    whole(running_steps=2)
    first, second, third = (start(organization()) for _ in range(3))
    assert (runs(first), runs(second), runs(third)) == (True, True, False)
    assert "the installation may have 2 steps at once" in third.reason


def test_a_limit_on_applies_holds_no_plan_up() -> None:
    owner = organization(running_applies=1)
    apply, second, plan = start(owner, APPLY), start(owner, APPLY), start(owner, PLAN)
    assert (runs(apply), runs(second), runs(plan)) == (True, False, True)
    assert f"the organization {owner.name} may have 1 apply at once" in second.reason
    assert runs(start(owner, PLAN))


def test_a_job_whose_apply_finds_no_room_waits_between_its_steps_and_keeps_its_workspace() -> None:
    owner = organization(running_applies=1)
    job = start(owner, PLAN_AND_APPLY)
    other = start(owner, APPLY)
    end(job)
    assert transitions.advance(job.pk) is None
    job = fresh(job)
    assert (job.status, job.waits_for_room, job.holds_workspace) == (JobStatus.PENDING, RoomClass.APPLY, True)
    end(other)
    fill()
    assert runs(job)


def test_a_job_that_waits_for_approval_takes_no_room_and_waits_for_some_when_approved() -> None:
    owner = organization(running_steps=1)
    job = start(owner, PLAN_APPROVE_APPLY)
    end(job)
    transitions.advance(job.pk)
    assert fresh(job).status == JobStatus.WAITING_APPROVAL
    other = start(owner)
    assert runs(other)
    jobs.approve_job(fresh(job), by=None)
    assert transitions.advance(job.pk) is None
    assert (fresh(job).status, fresh(job).waits_for_room) == (JobStatus.APPROVED, RoomClass.APPLY)
    end(other)
    fill()
    assert runs(job)


def test_commands_for_a_rejected_job_wait_for_room_and_run_then() -> None:
    flow = PLAN + (
        "  - type: approval\n    step: 150\n    onReject:\n      - {runtime: BASH, priority: 1, script: echo no}\n"
    )
    owner = organization(running_steps=1)
    job = start(owner, flow)
    end(job)
    transitions.advance(job.pk)
    other = start(owner)
    jobs.reject_job(fresh(job), by=None)
    assert (fresh(job).status, fresh(job).waits_for_room) == (JobStatus.WAITING_APPROVAL, RoomClass.STEP)
    assert not transitions.decide(job.pk, approved=True, by="another")
    end(other)
    fill()
    end(job)
    assert fresh(job).status == JobStatus.REJECTED


def test_a_job_that_is_cancelled_while_it_waits_leaves_the_line() -> None:
    owner = organization(running_steps=1)
    first, second = start(owner), start(owner)
    jobs.cancel_job(second, by=None)
    assert fresh(second).waits_for_room == ""
    assert not capacity.somebody_waits()
    jobs.cancel_job(first, by=None)
    assert runs(start(owner))


# ---- order ----------------------------------------------------------------------------------------------------------


def names(waiting: dict[str, Job]) -> list[str]:
    """In which order those who wait get the one room that there is."""
    found: list[str] = []
    for _ in range(20):
        fill()
        for name, job in waiting.items():
            if runs(job):
                found.append(name)
                end(job)
                break
        else:
            return found
    raise AssertionError("there is no end of it")


def test_the_organization_that_is_furthest_below_its_share_is_first(whole: Whole) -> None:
    whole(running_steps=4)
    busy, light, heavy = organization(), organization(), organization(share=4)
    running = [start(busy), start(busy), start(light), start(heavy)]
    waiting = {"busy": start(busy), "light": start(light), "heavy": start(heavy)}
    assert not any(map(runs, waiting.values()))
    end(running[0])
    fill()
    # One step of each of light and heavy runs, but heavy has four times the weight; busy has one left, as light has.
    assert [name for name, job in waiting.items() if runs(job)] == ["heavy"]


def test_of_equal_organizations_priority_decides_and_then_age(whole: Whole) -> None:
    whole(running_steps=1)
    running = start(organization())
    waiting = {
        "old": start(organization()),
        "young": start(organization()),
        "urgent": start(organization(), priority=5),
        "lazy": start(organization(), priority=-5),
    }
    end(running)
    assert names(waiting) == ["urgent", "old", "young", "lazy"]


def test_what_has_begun_goes_before_what_is_new(whole: Whole) -> None:
    whole(running_steps=1)
    begun = start(organization(), PLAN_AND_APPLY)
    new = start(organization(), priority=50)
    end(begun)
    fill()
    assert (runs(begun), runs(new)) == (True, False)


def test_a_new_job_does_not_overtake_those_who_wait(whole: Whole) -> None:
    whole(running_steps=1)
    running, waiting = start(organization()), start(organization())
    end(running)
    late = start(organization())
    assert not runs(late)
    assert late.reason == "Waits for its turn: the installation may have 1 step at once, and others come first"
    fill()
    assert (runs(waiting), runs(late)) == (True, False)


def test_one_that_waits_for_a_narrower_limit_holds_nobody_up(whole: Whole) -> None:
    whole(running_steps=2)
    narrow = organization(running_steps=1)
    first, waits = start(narrow), start(narrow)
    assert runs(start(organization()))
    blocked = start(organization())
    assert not runs(blocked)
    end(first)
    fill()
    # The narrow organization has room again, and is level with the others in running steps: the older job is first.
    assert (runs(waits), runs(blocked)) == (True, False)


def test_a_workspace_that_was_locked_while_its_job_waited_holds_nobody_up(whole: Whole) -> None:
    whole(running_steps=1)
    running, blocked, other = (start(organization()) for _ in range(3))
    locks.lock_workspace(blocked.workspace, by=None, reason="migration")
    end(running)
    fill()
    assert (runs(blocked), runs(other)) == (False, True)
    assert (fresh(blocked).reason, fresh(blocked).waits_for_room) == ("The workspace is locked: migration", "")


def test_a_job_that_cannot_be_read_holds_nobody_up(whole: Whole, caplog: pytest.LogCaptureFixture) -> None:
    whole(running_steps=1)
    running, broken, other = (start(organization()) for _ in range(3))
    Job.objects.filter(pk=broken.pk).update(tcl="flow: 3")
    end(running)
    fill()
    assert (runs(broken), runs(other)) == (False, True)
    assert "left out of the line" in caplog.text


# ---- the wake-up ----------------------------------------------------------------------------------------------------


def test_the_end_of_a_step_calls_the_next(
    queued: list[Any], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    owner = organization(running_steps=1)
    first = start(owner)
    with django_capture_on_commit_callbacks(execute=True):
        end(first)
    assert ("executors.tasks.fill_room",) not in queued
    second, third = start(owner), start(owner)
    assert (runs(second), runs(third)) == (True, False)
    with django_capture_on_commit_callbacks(execute=True):
        end(second)
    assert ("executors.tasks.fill_room",) in queued


def test_room_that_came_free_between_count_and_line_is_found(
    queued: list[Any], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    owner = organization(running_steps=1)
    first = start(owner)
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        start(owner)
        # Its step ends while the second job is not in line for anybody to see yet.
        first.steps.update(status=JobStatus.COMPLETED)
    assert callbacks
    assert ("executors.tasks.fill_room",) in queued


def test_the_sweep_finds_a_lost_wake_up(
    queued: list[Any], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    owner = organization(running_steps=1)
    first, second = start(owner), start(owner)
    with django_capture_on_commit_callbacks(execute=True):
        lost_tasks.requeue_next_in_line(Requeue())
    assert queued == []
    end(first)
    with django_capture_on_commit_callbacks(execute=True):
        lost_tasks.requeue_next_in_line(Requeue())
    assert ("executors.tasks.fill_room",) in queued
    # It is not asked to go on again and again in the other way.
    Job.objects.filter(pk=second.pk).update(updated_date=timezone.now() - dt.timedelta(minutes=5))
    queued.clear()
    with django_capture_on_commit_callbacks(execute=True):
        lost_tasks.requeue_jobs(Requeue())
    assert queued == []


def test_a_raised_limit_lets_those_who_wait_go_on() -> None:
    owner = organization(running_steps=1)
    jobs_ = [start(owner) for _ in range(4)]
    RunLimits.objects.filter(organization=owner).update(running_steps=3)
    fill()
    assert [runs(job) for job in jobs_] == [True, True, True, False]


def test_without_a_limit_a_hand_over_asks_one_more_question(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    owner = organization()
    job = jobs.create_job(workspace(owner), by=None, tcl=PLAN)
    with django_assert_num_queries(1):
        assert capacity.refusal(job, RoomClass.STEP) is None


# ---- the priority ---------------------------------------------------------------------------------------------------


def test_only_who_manages_the_workspace_sets_a_priority(django_user_model: Any) -> None:
    from tests.factories import TeamFactory, member
    from workspaces.errors import InvalidInput, NotAllowed

    owner = organization()
    where: Workspace = workspace(owner)
    planner = member(TeamFactory.create(organization=owner, plan_job=True))
    manager = member(TeamFactory.create(organization=owner, plan_job=True, manage_workspace=True))
    with pytest.raises(NotAllowed, match="set the priority"):
        jobs.create_job(where, by=planner, tcl=PLAN, priority=3)
    job = jobs.create_job(where, by=planner, tcl=PLAN)
    with pytest.raises(NotAllowed):
        jobs.set_priority(job, 3, by=planner)
    jobs.set_priority(job, 3, by=manager)
    assert fresh(job).priority == 3
    with pytest.raises(InvalidInput):
        jobs.set_priority(job, 101, by=manager)


def test_clients_of_the_api_read_and_set_a_priority() -> None:
    from tests.api.client import Api, token_of
    from tests.factories import TeamFactory

    owner = organization()
    TeamFactory.create(organization=owner, name="MANAGERS", plan_job=True, manage_workspace=True)
    job = start(owner)
    client = Api(token_of("MANAGERS"))
    path = f"organization/{owner.pk}/job/{job.pk}"
    assert client.patch(path, "job", {"priority": 7}).status_code == 204
    assert client.read(path)["data"]["attributes"]["priority"] == 7
