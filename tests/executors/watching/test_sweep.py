"""What a pass finds and finishes, whatever was left undone."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.utils import timezone

from executors import attempts, cleaning
from executors.choices import AttemptOutcome, AttemptState, EventKind, LockOutcome
from executors.conf import Installation
from executors.models import Attempt
from executors.reporting import logs
from executors.watching import ended
from executors.watching.sweep import Sweep
from tests.executors.watching.conftest import SESSION, Make, MemoryCluster, Run, shift
from tests.factories import PLAN, PLAN_AND_APPLY, PLAN_APPROVE_APPLY, VariableFactory, WorkspaceFactory
from workspaces import transitions
from workspaces.choices import Interruption, JobStatus
from workspaces.models import Job, StateLock, Step, Workspace
from workspaces.services import jobs, workspaces

pytestmark = pytest.mark.django_db
IGNORING = """
flow:
  - {type: customScripts, step: 100, ignoreError: true, commands: [{runtime: BASH, priority: 1, script: "true"}]}
  - {type: terraformApply, name: Apply, step: 200}
"""


def job_of(attempt: Attempt) -> Job:
    return Job.objects.get(steps__attempts=attempt)


def fresh(attempt: Attempt) -> Attempt:
    return Attempt.objects.get(pk=attempt.pk)


def names(queued: list[tuple[Any, ...]]) -> list[tuple[str, Any]]:
    return [(name.rpartition(".")[2], arguments[0]) for name, *arguments in queued if arguments]


def end_lately(memory_cluster: MemoryCluster, attempt: Attempt, name: str, seconds: float) -> None:
    """Let the attempt's Job have ended in a recorded way so many seconds ago."""
    memory_cluster.put(attempt, name)
    at = (timezone.now() - dt.timedelta(seconds=seconds)).isoformat()
    for condition in memory_cluster.jobs[str(attempt.pk)]["status"]["conditions"]:
        condition["lastTransitionTime"] = at


# ---- before the claim -----------------------------------------------------------------------------------------------


def test_a_wait_is_explained_on_the_step_and_kept_in_the_timeline(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    attempt = make()
    memory_cluster.put(attempt, "unschedulable-selector")
    pod = memory_cluster.pods_of(attempt)[0]
    pod["status"]["conditions"][0]["lastTransitionTime"] = timezone.now().isoformat()
    run()
    assert "didn't match Pod's node affinity/selector" in job_of(attempt).reason
    assert attempt.events.filter(kind=EventKind.WAITING, detail__startswith="No node has the labels").exists()


def test_an_ended_pod_that_nobody_claimed_is_replaced_with_the_reason(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    attempt = make()
    end_lately(memory_cluster, attempt, "exit-21", 0)
    run()
    assert (fresh(attempt).outcome, fresh(attempt).reason_code) == (AttemptOutcome.REPLACED, "api-lost")
    following = Attempt.objects.get(step=attempt.step_id, number=2)
    assert following.state == AttemptState.NEW
    assert "could not reach this site" in job_of(attempt).reason
    assert "attempt 2 of 3" in job_of(attempt).reason
    assert memory_cluster.deleted == [], "a Job that is over stays until its TTL, so that its log can be read"


def test_a_replaced_attempts_job_is_deleted_once_it_is_fenced(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    attempt = make()
    memory_cluster.put(attempt, "running")
    run()
    assert (fresh(attempt).state, fresh(attempt).reason_code) == (AttemptState.ENDED, "not-claimed")
    assert memory_cluster.deleted == [attempt.job_name]
    assert attempts.claim(fresh(attempt), SESSION) is attempts.Claim.OVER


def test_the_last_attempt_that_is_allowed_fails_its_step_with_the_reason(
    make: Make, run: Run, memory_cluster: MemoryCluster, conf: Installation
) -> None:
    attempt = make()
    Attempt.objects.filter(pk=attempt.pk).update(number=conf.max_attempts)
    end_lately(memory_cluster, attempt, "exit-21", 0)
    run()
    job = job_of(attempt)
    assert (job.status, job.holds_workspace) == (JobStatus.FAILED, False)
    assert "could not reach this site" in job.reason
    assert f"tried {conf.max_attempts} times" in job.reason


def test_a_deadline_before_the_claim_fails_the_step(make: Make, run: Run, memory_cluster: MemoryCluster) -> None:
    attempt = make()
    end_lately(memory_cluster, attempt, "deadline-unscheduled", 0)
    run()
    assert (fresh(attempt).outcome, job_of(attempt).status) == (AttemptOutcome.FAILED, JobStatus.FAILED)
    assert job_of(attempt).steps.get(step_number=100).reason_code == "deadline"


def test_a_job_that_vanished_before_the_claim_is_replaced_at_the_second_look(make: Make, run: Run) -> None:
    attempt = make()
    run()
    assert fresh(attempt).missing_since is not None
    shift(attempt, 6)
    run()
    assert (fresh(attempt).outcome, fresh(attempt).reason_code) == (AttemptOutcome.REPLACED, "job-missing")


def test_a_job_that_is_there_after_all_is_no_longer_missing(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    attempt = make()
    attempts.mark_missing(attempt, True)
    memory_cluster.put(attempt, "unschedulable-selector")
    run()
    assert fresh(attempt).missing_since is None


def test_the_same_view_again_writes_nothing(
    make: Make, run: Run, memory_cluster: MemoryCluster, sweep: Sweep, django_assert_num_queries: Any
) -> None:
    attempt = make(AttemptState.CLAIMED)
    memory_cluster.put(attempt, "running")
    run()
    view = memory_cluster.view()
    with django_assert_num_queries(0):
        assert not sweep.looker.is_news(str(attempt.pk), view.jobs[str(attempt.pk)], view.pods_of(str(attempt.pk)))
        sweep.look_at(attempt, view, memory_cluster)  # type: ignore[arg-type]


def test_queries_of_a_pass_do_not_grow_with_running_attempts(
    make: Make, run: Run, memory_cluster: MemoryCluster, django_assert_max_num_queries: Any
) -> None:
    for _ in range(8):
        memory_cluster.put(make(AttemptState.CLAIMED, on=WorkspaceFactory.create()), "running")
    run()
    with django_assert_max_num_queries(9):
        run()


# ---- after the claim ------------------------------------------------------------------------------------------------


def test_a_claimed_attempt_whose_pod_was_killed_is_lost_and_never_tried_again(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    attempt = make(AttemptState.CLAIMED)
    end_lately(memory_cluster, attempt, "oom-killed", 6)
    run()
    step = Step.objects.get(pk=attempt.step_id)
    assert (fresh(attempt).outcome, step.status, step.reason_code) == (
        AttemptOutcome.LOST,
        JobStatus.FAILED,
        "oom-killed",
    )
    assert "limit of 32Mi" in step.reason
    assert Attempt.objects.filter(step=step).count() == 1
    assert not job_of(attempt).holds_workspace, "the Job is over, which proves its executor gone"


def test_a_report_that_arrives_within_the_grace_is_what_counts(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    attempt = make(AttemptState.CLAIMED)
    end_lately(memory_cluster, attempt, "exit-10", 1)
    run()
    assert fresh(attempt).state == AttemptState.CLAIMED
    attempts.report(fresh(attempt), attempts.Report(outcome=AttemptOutcome.FAILED, reason="Terraform says no"))
    end_lately(memory_cluster, attempt, "exit-10", 60)
    run()
    assert (fresh(attempt).outcome, fresh(attempt).reason) == (AttemptOutcome.FAILED, "Terraform says no")
    assert fresh(attempt).cleaned_at is not None
    assert memory_cluster.deleted == []


def test_a_silent_executor_is_lost_and_its_workspace_stays_taken_until_it_is_proved_gone(
    make: Make, run: Run, memory_cluster: MemoryCluster, workspace: Workspace
) -> None:
    attempt = make(AttemptState.CLAIMED, seconds=1000)
    memory_cluster.put(attempt, "node-unreachable")
    StateLock.objects.create(workspace=workspace, job=job_of(attempt), lock_id="lock-1", info={})
    run()
    assert (fresh(attempt).outcome, job_of(attempt).status) == (AttemptOutcome.LOST, JobStatus.FAILED)
    assert memory_cluster.deleted == [attempt.job_name]
    run()
    assert job_of(attempt).holds_workspace, "its pod is still there"
    assert StateLock.objects.exists()
    waiting = jobs.create_job(workspace, by=None, tcl=PLAN_AND_APPLY)
    assert transitions.advance(waiting.pk) is None
    waiting.refresh_from_db()
    assert "until the last pod" in waiting.reason

    memory_cluster.remove(attempt)
    run()
    assert not job_of(attempt).holds_workspace
    assert not StateLock.objects.exists()
    assert fresh(attempt).cleaned_at is not None
    assert attempt.events.filter(kind=EventKind.LOCK, detail__contains="given back").exists()
    assert fresh(attempt).state_lock == LockOutcome.RELEASED
    kept = LogEntry.objects.get_for_object(workspace).first()
    assert "given back" in str(kept.changes)
    assert transitions.advance(waiting.pk) is not None


def test_a_lost_executors_failure_is_not_ignored_since_it_may_still_be_at_it(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    attempt = make(AttemptState.CLAIMED, seconds=1000, tcl=IGNORING)
    memory_cluster.put(attempt, "node-unreachable")
    run()
    assert job_of(attempt).status == JobStatus.FAILED
    assert job_of(attempt).holds_workspace


def test_cancelling_what_is_lost_does_not_free_the_workspace_early(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    attempt = make(AttemptState.CLAIMED, seconds=1000)
    memory_cluster.put(attempt, "node-unreachable")
    transitions.cancel(attempt.step.job_id, by="somebody")
    attempts.fail(attempt, code="silent", reason="Silent", outcome=AttemptOutcome.LOST)
    attempts.request_cancel(attempt.step_id)
    assert job_of(attempt).holds_workspace
    memory_cluster.remove(attempt)
    run()
    assert not job_of(attempt).holds_workspace


def test_unseen_pods_of_a_job_that_somebody_deleted_get_their_time_to_end(
    make: Make, run: Run, memory_cluster: MemoryCluster, conf: Installation
) -> None:
    memory_cluster.pods = None
    attempt = make(AttemptState.CLAIMED)
    run()
    shift(attempt, 30)
    run()
    assert fresh(attempt).state == AttemptState.CLAIMED
    shift(attempt, conf.termination_grace_seconds(may_change=True))
    run()
    assert (fresh(attempt).outcome, fresh(attempt).reason_code) == (AttemptOutcome.LOST, "job-missing")
    assert not job_of(attempt).holds_workspace


def test_deadlines_hold_while_the_cluster_does_not_answer(make: Make, sweep: Sweep) -> None:
    silent, starting = make(AttemptState.CLAIMED, seconds=1000), make(on=WorkspaceFactory.create(), seconds=1000)
    running = make(AttemptState.CLAIMED, on=WorkspaceFactory.create())
    sweep.run(None, None)
    assert [fresh(one).reason_code for one in (silent, starting, running)] == ["silent", "start-timeout", ""]
    assert job_of(silent).holds_workspace


# ---- cancelled ------------------------------------------------------------------------------------------------------


def test_a_cancel_that_was_lost_is_queued_again(make: Make, run: Run, queued: list[Any]) -> None:
    attempt = make(AttemptState.CLAIMED)
    transitions.cancel(attempt.step.job_id, by="somebody")
    run()
    assert ("cancel_step", str(attempt.step_id)) in names(queued)


def test_a_cancelled_pod_that_was_not_told_to_go_is_told_again_until_it_is_gone(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    attempt = make(AttemptState.INTERRUPTING)
    memory_cluster.put(attempt, "running")
    run()
    assert memory_cluster.deleted == [attempt.job_name]
    assert job_of(attempt).holds_workspace
    memory_cluster.remove(attempt)
    run()
    shift(attempt, 6)
    run()
    assert (fresh(attempt).outcome, job_of(attempt).holds_workspace) == (AttemptOutcome.KILLED, False)
    assert job_of(attempt).status == JobStatus.CANCELLED
    assert Step.objects.get(pk=attempt.step_id).interruption == Interruption.KILLED


def test_a_workspace_that_an_ended_job_kept_without_any_attempt_is_freed(
    make: Make, run: Run, queued: list[Any], workspace: Workspace
) -> None:
    attempt = make()
    attempts.fail(attempt, code="refused", reason="The cluster refused the Job")
    Job.objects.filter(pk=attempt.step.job_id).update(holds_workspace=True)
    run()
    assert not job_of(attempt).holds_workspace
    assert ("advance_workspace", str(workspace.pk)) in names(queued)


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
    attempts.postpone(attempt, seconds=5)
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
    workspaces.lock_workspace(locked, by=None)
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
    attempts.fail(attempt, code="refused", reason="No answer")
    cleaning.mark_cleaned(attempt)
    memory_cluster.put(attempt, "running")
    run()
    assert memory_cluster.deleted == [attempt.job_name]


def test_a_pod_that_stays_long_after_its_executors_last_word_is_ended(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    attempt = make(AttemptState.CLAIMED)
    attempts.report(attempt, attempts.Report(outcome=AttemptOutcome.SUCCEEDED, changes=True))
    memory_cluster.put(attempt, "running")
    run()
    assert memory_cluster.deleted == []
    shift(attempt, 61)
    run()
    assert memory_cluster.deleted == [attempt.job_name]


# ---- what a container said that never reported -----------------------------------------------------------------------


def test_what_a_container_said_before_it_ended_unclaimed_is_kept_and_masked(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    attempt = make()
    VariableFactory.create(workspace=attempt.step.job.workspace, key="TOKEN", value="s3cr3t-value", sensitive=True)
    memory_cluster.put(attempt, "exit-64")
    memory_cluster.words = "x" * 100_000 + "\ncannot reach the API with s3cr3t-value\n"
    run()
    shift(attempt, 6)
    run()
    assert fresh(attempt).state == AttemptState.ENDED
    memory_cluster.remove(attempt)
    log = logs.read(fresh(attempt)).data
    assert log.startswith(b"[What the container of pod")
    assert log.endswith(b"cannot reach the API with ***\n")
    assert len(log) < 66_000


def test_the_words_of_an_executor_that_claimed_are_its_own_log(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    attempt = make(AttemptState.CLAIMED)
    memory_cluster.put(attempt, "exit-64")
    memory_cluster.words = "something\n"
    run()
    shift(attempt, 6)
    run()
    assert (fresh(attempt).state, fresh(attempt).log_size) == (AttemptState.ENDED, 0)


def test_without_the_right_to_read_pod_logs_nothing_else_changes(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    attempt = make()
    memory_cluster.put(attempt, "exit-64")
    run()
    shift(attempt, 6)
    run()
    assert (fresh(attempt).state, fresh(attempt).log_size) == (AttemptState.ENDED, 0)


# ---- finished Jobs --------------------------------------------------------------------------------------------------


def finished(make: Make, memory_cluster: MemoryCluster, *, seconds: float) -> Attempt:
    """An attempt that is over and cleaned up, whose Job ended so long ago."""
    attempt = make(AttemptState.CLAIMED, on=WorkspaceFactory.create())
    attempts.report(attempt, attempts.Report(outcome=AttemptOutcome.SUCCEEDED, changes=True))
    cleaning.prove_gone(attempt)
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
    ended.delete_finished(memory_cluster.view(), memory_cluster, few)  # type: ignore[arg-type]
    assert memory_cluster.deleted == [made[0].job_name]
