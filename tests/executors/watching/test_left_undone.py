"""What a pass finishes that others left undone: lost tasks, Jobs of nobody, finished Jobs."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone

from executors.attempts import cleanup, lifecycle
from executors.choices import AttemptOutcome, AttemptState
from executors.installation.settings import Installation
from executors.models import Attempt
from executors.watching import garbage_collection
from tests.executors.watching.conftest import Make, MemoryCluster, Run, shift
from tests.factories import PLAN, PLAN_AND_APPLY, PLAN_APPROVE_APPLY, WorkspaceFactory
from workspaces.choices import JobStatus
from workspaces.jobs import transitions
from workspaces.models import Job, Step, Workspace
from workspaces.reasons import told
from workspaces.services import jobs, locks

pytestmark = pytest.mark.django_db


def job_of(attempt: Attempt) -> Job:
    return Job.objects.get(steps__attempts=attempt)


def names(queued: list[tuple[Any, ...]]) -> list[tuple[str, Any]]:
    return [(name.rpartition(".")[2], arguments[0]) for name, *arguments in queued if arguments]


# ---- lost tasks -----------------------------------------------------------------------------------------------------


def test_a_step_whose_launch_was_lost_is_queued_again_but_not_at_once(
    workspace: Workspace, run: Run, queued: list[Any]
) -> None:
    job = jobs.create_job(workspace, by=None, tcl=PLAN)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    run()
    assert ("launch_step", str(step_id)) not in names(queued)
    Step.objects.filter(pk=step_id).update(queued_at=timezone.now() - dt.timedelta(seconds=11))
    run()
    run()
    assert names(queued).count(("launch_step", str(step_id))) == 1


def test_an_attempt_that_was_put_off_is_launched_when_it_is_due(make: Make, run: Run, queued: list[Any]) -> None:
    attempt = make(AttemptState.NEW, seconds=0)
    lifecycle.postpone_launch(attempt, seconds=5)
    run()
    assert ("launch_step", str(attempt.step_id)) not in names(queued)
    Attempt.objects.filter(pk=attempt.pk).update(
        not_before=timezone.now(), created_at=timezone.now() - dt.timedelta(seconds=1)
    )
    run()
    assert ("launch_step", str(attempt.step_id)) in names(queued)


def test_an_attempt_that_is_put_off_again_is_launched_again_without_a_growing_pause(
    make: Make, run: Run, queued: list[Any]
) -> None:
    attempt = make(AttemptState.NEW, seconds=0)
    for passed in range(3):
        now = timezone.now() - dt.timedelta(seconds=1 - passed / 10)
        Attempt.objects.filter(pk=attempt.pk).update(not_before=now, created_at=now - dt.timedelta(seconds=5))
        run()
        run()
    assert names(queued).count(("launch_step", str(attempt.step_id))) == 3


def test_an_attempt_whose_launcher_died_is_launched_again_when_it_is_late(
    make: Make, run: Run, queued: list[Any]
) -> None:
    attempt = make(AttemptState.NEW, seconds=0)
    run()
    assert names(queued) == []
    shift(attempt, 11)
    run()
    assert ("launch_step", str(attempt.step_id)) in names(queued)


def test_a_job_between_two_steps_and_an_approved_one_are_advanced(run: Run, queued: list[Any]) -> None:
    between = jobs.create_job(WorkspaceFactory.create(), by=None, tcl=PLAN_AND_APPLY)
    approved = jobs.create_job(WorkspaceFactory.create(), by=None, tcl=PLAN_APPROVE_APPLY)
    for job in (between, approved):
        step_id = transitions.advance(job.pk)
        assert step_id is not None
        transitions.start_step(step_id)
        transitions.finish_step(step_id, transitions.Outcome(succeeded=True, changes=True))
    transitions.advance(approved.pk)
    transitions.decide(approved.pk, approved=True, by="somebody")
    run()
    assert names(queued) == []
    Job.objects.update(updated_date=timezone.now() - dt.timedelta(seconds=11))
    run()
    assert {("advance_job", between.pk), ("advance_job", approved.pk)} <= set(names(queued))


def test_jobs_of_a_free_workspace_are_advanced_and_those_of_a_busy_or_locked_one_are_not(
    make: Make, run: Run, queued: list[Any]
) -> None:
    free, busy, locked = (WorkspaceFactory.create() for _ in range(3))
    make(AttemptState.CLAIMED, on=busy)
    for one in (free, busy, locked):
        jobs.create_job(one, by=None, tcl=PLAN_AND_APPLY)
    locks.lock_workspace(locked, by=None)
    Job.objects.filter(status=JobStatus.PENDING).update(updated_date=timezone.now() - dt.timedelta(seconds=11))
    run()
    assert [name for name in names(queued) if name[0] == "advance_workspace"] == [("advance_workspace", str(free.pk))]


def test_a_step_that_was_not_told_of_its_attempts_end_is_told(make: Make, run: Run) -> None:
    attempt = make(AttemptState.CLAIMED)
    Attempt.objects.filter(pk=attempt.pk).update(
        state=AttemptState.ENDED, outcome=AttemptOutcome.FAILED, reason="Terraform says no", ended_at=timezone.now()
    )
    run()
    assert Step.objects.get(pk=attempt.step_id).status == JobStatus.FAILED
    assert "Terraform says no" in job_of(attempt).reason


# ---- Jobs of nobody -------------------------------------------------------------------------------------------------


def test_the_job_of_an_attempt_that_this_site_does_not_have_may_be_another_sites_and_stays(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    attempt = make(AttemptState.CLAIMED)
    memory_cluster.put(attempt, "running")
    job = memory_cluster.jobs[str(attempt.pk)]
    job["metadata"]["creationTimestamp"] = (timezone.now() - dt.timedelta(days=1)).isoformat()
    Attempt.objects.all().delete()
    run()
    assert memory_cluster.deleted == []


def test_a_job_that_came_up_after_its_attempt_was_over_is_deleted(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    attempt = make(AttemptState.NEW)
    lifecycle.fail_attempt(attempt, told("refused", "No answer"))
    cleanup.mark_cleaned(attempt)
    memory_cluster.put(attempt, "running")
    run()
    assert memory_cluster.deleted == [attempt.job_name]


def test_a_pod_that_stays_long_after_its_executors_last_word_is_ended(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    attempt = make(AttemptState.CLAIMED)
    lifecycle.report_result(attempt, lifecycle.Report(outcome=AttemptOutcome.SUCCEEDED, changes=True))
    memory_cluster.put(attempt, "running")
    run()
    assert memory_cluster.deleted == []
    shift(attempt, 61)
    run()
    assert memory_cluster.deleted == [attempt.job_name]


# ---- finished Jobs --------------------------------------------------------------------------------------------------


def finished(make: Make, memory_cluster: MemoryCluster, *, seconds: float) -> Attempt:
    """An attempt that is over and cleaned up, whose Job ended so long ago."""
    attempt = make(AttemptState.CLAIMED, on=WorkspaceFactory.create())
    lifecycle.report_result(attempt, lifecycle.Report(outcome=AttemptOutcome.SUCCEEDED, changes=True))
    cleanup.mark_gone(attempt)
    memory_cluster.put(attempt, "completed")
    at = (timezone.now() - dt.timedelta(seconds=seconds)).isoformat()
    for condition in memory_cluster.jobs[str(attempt.pk)]["status"]["conditions"]:
        condition["lastTransitionTime"] = at
    return attempt


def test_a_finished_job_that_the_cluster_forgot_is_deleted_when_its_time_to_live_is_over(
    make: Make, run: Run, memory_cluster: MemoryCluster, conf: Installation
) -> None:
    old = finished(make, memory_cluster, seconds=conf.ttl_seconds + 61)
    finished(make, memory_cluster, seconds=conf.ttl_seconds + 30)
    run()
    assert memory_cluster.deleted == [old.job_name]


def test_of_too_many_finished_jobs_the_oldest_are_deleted(
    make: Make, memory_cluster: MemoryCluster, conf: Installation
) -> None:
    made = [finished(make, memory_cluster, seconds=60 - number) for number in range(4)]
    unproved = made[1]
    Attempt.objects.filter(pk=unproved.pk).update(cleaned_at=None)
    few = replace(conf, keep_finished_jobs=2)
    garbage_collection.delete_finished_jobs(memory_cluster.snapshot(), memory_cluster, few)  # type: ignore[arg-type]
    assert memory_cluster.deleted == [made[0].job_name]
