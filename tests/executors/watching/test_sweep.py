"""What a pass finds of attempts, and what it makes of that."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.utils import timezone

from executors.attempts import lifecycle
from executors.choices import AttemptOutcome, AttemptState, EventKind, LockOutcome
from executors.installation.settings import Installation
from executors.models import Attempt
from executors.watching.sweep import Sweep
from tests.executors.watching.conftest import SESSION, Make, MemoryCluster, Run, shift
from tests.factories import PLAN_AND_APPLY, WorkspaceFactory
from workspaces.choices import Interruption, JobStatus
from workspaces.jobs import transitions
from workspaces.models import Job, StateLock, Step, Workspace
from workspaces.reasons import told
from workspaces.services import jobs

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
    assert lifecycle.claim_attempt(fresh(attempt), SESSION) is lifecycle.Claim.OVER


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
    lifecycle.mark_missing(attempt, True)
    memory_cluster.put(attempt, "unschedulable-selector")
    run()
    assert fresh(attempt).missing_since is None


def test_the_same_view_again_writes_nothing(
    make: Make, run: Run, memory_cluster: MemoryCluster, sweep: Sweep, django_assert_num_queries: Any
) -> None:
    attempt = make(AttemptState.CLAIMED)
    memory_cluster.put(attempt, "running")
    run()
    view = memory_cluster.snapshot()
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
    lifecycle.report_result(
        fresh(attempt), lifecycle.Report(outcome=AttemptOutcome.FAILED, why=told("", "Terraform says no"))
    )
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
    lifecycle.fail_attempt(attempt, told("silent", "Silent"), outcome=AttemptOutcome.LOST)
    lifecycle.request_cancel(attempt.step_id)
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


def test_a_pod_of_which_the_watch_heard_nothing_is_asked_for_before_it_counts_as_gone(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    open_one, cancelled = make(AttemptState.CLAIMED), make(AttemptState.CLAIMED, on=WorkspaceFactory.create())
    transitions.cancel(cancelled.step.job_id, by="somebody")
    lifecycle.request_cancel(cancelled.step_id)
    for attempt in (open_one, cancelled):
        # Somebody deleted its Job in the background, so its pod has its time to end.
        memory_cluster.put(attempt, "pod-terminating")
        memory_cluster.unseen[str(attempt.pk)] = memory_cluster.pods_of(attempt)
        memory_cluster.remove(attempt)
    for _ in range(3):
        run()
        for attempt in (open_one, cancelled):
            assert fresh(attempt).state != AttemptState.ENDED
            assert job_of(attempt).holds_workspace
            shift(attempt, 6)
    memory_cluster.unseen.clear()
    run()
    assert (fresh(open_one).outcome, fresh(cancelled).outcome) == (AttemptOutcome.LOST, AttemptOutcome.KILLED)
    assert not job_of(open_one).holds_workspace
    assert not job_of(cancelled).holds_workspace


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
    lifecycle.fail_attempt(attempt, told("refused", "The cluster refused the Job"))
    Job.objects.filter(pk=attempt.step.job_id).update(holds_workspace=True)
    run()
    assert not job_of(attempt).holds_workspace
    assert ("advance_workspace", str(workspace.pk)) in names(queued)
