"""How an attempt ends: cancelled, killed, with somebody's lock, pushed from its node, or tried anew."""

from __future__ import annotations

import pytest

from executors.attempts import lifecycle
from executors.choices import AttemptOutcome, AttemptState, EventKind, LockOutcome
from executors.models import Attempt
from tests.executors.watching.conftest import SESSION, Make, MemoryCluster, Run, shift
from tests.executors.watching.test_sweep import end_lately, fresh, job_of
from tests.factories import DESTROY, PLAN_AND_APPLY
from workspaces.choices import Interruption, JobStatus
from workspaces.models import RunLimits, StateLock, Step, Workspace
from workspaces.reasons import told

pytestmark = pytest.mark.django_db


def test_a_cancelled_executor_whose_last_report_was_lost_is_known_by_its_exit_code(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    attempt = make(AttemptState.INTERRUPTING)
    assert Step.objects.get(pk=attempt.step_id).interruption == Interruption.INTERRUPTING
    end_lately(memory_cluster, attempt, "exit-11", 6)
    run()
    assert fresh(attempt).outcome == AttemptOutcome.CANCELLED
    assert Step.objects.get(pk=attempt.step_id).interruption == Interruption.STOPPED


def test_an_executor_that_a_sidecar_outlives_is_lost_at_once_and_its_job_deleted(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    attempt = make(AttemptState.CLAIMED)
    memory_cluster.put(attempt, "sidecar")
    run()
    assert (fresh(attempt).outcome, fresh(attempt).reason_code) == (AttemptOutcome.LOST, "step-failed")
    assert memory_cluster.deleted == [attempt.job_name]
    assert not job_of(attempt).holds_workspace


def test_a_job_that_a_sidecar_holds_open_is_deleted_once_its_executor_has_reported(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    attempt = make(AttemptState.CLAIMED)
    assert lifecycle.report_result(attempt, lifecycle.Report(outcome=AttemptOutcome.SUCCEEDED, changes=False))
    memory_cluster.put(attempt, "sidecar")
    run()
    assert (memory_cluster.deleted, fresh(attempt).cleaned_at is not None) == ([attempt.job_name], True)


def test_somebody_elses_state_lock_is_left_alone_and_told(
    make: Make, run: Run, memory_cluster: MemoryCluster, workspace: Workspace
) -> None:
    attempt = make(AttemptState.INTERRUPTING)
    StateLock.objects.create(workspace=workspace, job=None, lock_id="lock-1", info={"Who": "me@laptop"})
    end_lately(memory_cluster, attempt, "exit-11", 6)
    run()
    assert StateLock.objects.exists()
    assert not job_of(attempt).holds_workspace
    assert fresh(attempt).state_lock == LockOutcome.FOREIGN
    assert attempt.events.filter(kind=EventKind.LOCK, detail__contains="me@laptop").exists()


# ---- a plan that is tried anew --------------------------------------------------------------------------------------


def test_a_lost_plan_is_tried_anew_where_its_workspace_asks_for_it(
    make: Make, run: Run, memory_cluster: MemoryCluster, workspace: Workspace
) -> None:
    RunLimits.objects.create(workspace=workspace, retry_plans=True)
    attempt = make(AttemptState.CLAIMED)
    StateLock.objects.create(workspace=workspace, job=job_of(attempt), lock_id="lock-1", info={})
    end_lately(memory_cluster, attempt, "evicted", 6)
    run()
    step = Step.objects.get(pk=attempt.step_id)
    assert (step.status, job_of(attempt).status) == (JobStatus.QUEUE, JobStatus.QUEUE)
    assert job_of(attempt).reason.endswith("Trying again in 2 s (attempt 2 of 3)")
    assert (fresh(attempt).outcome, fresh(attempt).cleaned_at is not None) == (AttemptOutcome.LOST, True)
    assert not StateLock.objects.exists()
    second = Attempt.objects.get(step=step, number=2)
    assert second.state == AttemptState.NEW
    assert lifecycle.claim_attempt(fresh(attempt), SESSION) is lifecycle.Claim.OVER
    lifecycle.mark_launched(second, namespace=attempt.namespace)
    assert lifecycle.claim_attempt(second, SESSION) is lifecycle.Claim.WON
    assert lifecycle.report_result(fresh(second), lifecycle.Report(outcome=AttemptOutcome.SUCCEEDED, changes=False))
    assert job_of(attempt).status == JobStatus.COMPLETED


@pytest.mark.parametrize("tcl", [PLAN_AND_APPLY, DESTROY])
def test_nothing_that_ran_is_tried_anew_without_that_wish_and_no_destroy_with_it(
    make: Make, run: Run, memory_cluster: MemoryCluster, workspace: Workspace, tcl: str
) -> None:
    RunLimits.objects.create(workspace=workspace, retry_plans=tcl == DESTROY)
    attempt = make(AttemptState.CLAIMED, tcl=tcl)
    end_lately(memory_cluster, attempt, "evicted", 6)
    run()
    assert job_of(attempt).status == JobStatus.FAILED
    assert Attempt.objects.count() == 1


def test_a_plan_that_may_still_run_is_not_tried_anew(
    make: Make, run: Run, memory_cluster: MemoryCluster, workspace: Workspace
) -> None:
    RunLimits.objects.create(workspace=workspace, retry_plans=True)
    attempt = make(AttemptState.CLAIMED, seconds=1000)
    memory_cluster.put(attempt, "node-unreachable")
    run()
    assert job_of(attempt).status == JobStatus.FAILED
    assert Attempt.objects.count() == 1


def test_what_was_killed_for_its_memory_says_how_much_was_seen(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    attempt = make(AttemptState.CLAIMED)
    Attempt.objects.filter(pk=attempt.pk).update(peak_memory_bytes=31 * 2**20)
    end_lately(memory_cluster, attempt, "oom-killed", 6)
    run()
    step = Step.objects.get(pk=attempt.step_id)
    assert step.reason_code == "oom-killed"
    assert "limit of 32Mi and was killed; the highest use seen was 31 MiB" in step.reason


def test_a_report_that_comes_before_the_watcher_saw_why_gets_the_better_reason_later(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    attempt = make(AttemptState.CLAIMED)
    memory_cluster.put(attempt, "drained")
    stopped = lifecycle.Report(outcome=AttemptOutcome.CANCELLED, exit_code=1, why=told("cancelled", ""))
    lifecycle.report_result(fresh(attempt), stopped)
    assert (fresh(attempt).reason_code, job_of(attempt).reason_code) == ("stopped", "stopped")
    run()
    step = Step.objects.get(pk=attempt.step_id)
    assert {fresh(attempt).reason_code, step.reason_code, job_of(attempt).reason_code} == {"drained"}
    assert step.reason == fresh(attempt).reason
    assert "node was drained; it stopped cleanly" in step.reason
    assert job_of(attempt).reason == f"{step.name}: {step.reason}"
    assert (step.status, job_of(attempt).status) == (JobStatus.FAILED, JobStatus.FAILED)


@pytest.mark.parametrize(("state", "late"), [("running", 0), ("job-deleting", 31)])
def test_a_stop_that_nothing_explains_and_a_deletion_by_this_site_itself_leave_the_reason_as_it_is(
    make: Make, run: Run, memory_cluster: MemoryCluster, state: str, late: float
) -> None:
    attempt = make(AttemptState.CLAIMED)
    memory_cluster.put(attempt, state)
    lifecycle.report_result(
        fresh(attempt), lifecycle.Report(outcome=AttemptOutcome.CANCELLED, why=told("cancelled", ""))
    )
    shift(attempt, late)
    run()
    assert (fresh(attempt).reason_code, job_of(attempt).reason_code) == ("stopped", "stopped")


def test_a_leaving_pod_is_noted_while_its_executor_still_works(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    attempt = make(AttemptState.CLAIMED)
    memory_cluster.put(attempt, "drained")
    run()
    assert fresh(attempt).leaving_code == "drained"
    assert fresh(attempt).state == AttemptState.CLAIMED
    assert attempt.events.filter(kind=EventKind.LEAVING).count() == 1


def test_of_a_running_pod_whose_job_is_gone_the_deletion_is_noted(
    make: Make, run: Run, memory_cluster: MemoryCluster
) -> None:
    attempt = make(AttemptState.CLAIMED)
    memory_cluster.remove(attempt)
    run()
    assert fresh(attempt).leaving_code == "job-deleting"
    assert fresh(attempt).state == AttemptState.CLAIMED


def test_an_attempt_made_since_the_sweep_looked_is_not_taken_for_an_end(make: Make) -> None:
    attempt = make(AttemptState.NEW)
    assert not lifecycle.repeat_outcome(attempt)
    assert Step.objects.get(pk=attempt.step_id).status == JobStatus.QUEUE
