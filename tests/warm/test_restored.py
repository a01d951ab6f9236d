"""A database that is restored to before a step got its warm pod: the step's commands do not begin again."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction
from django.utils import timezone

from executors.choices import WarmState
from executors.installation.settings import Installation
from executors.launching import launcher
from executors.models import Attempt, WarmPod
from executors.warm import records
from executors.watching.warm_pool import WarmPool
from tests.factories import PLAN, WorkspaceFactory
from tests.warm.conftest import Launch, MemoryCluster
from workspaces.choices import Category
from workspaces.jobs import transitions
from workspaces.models import Job
from workspaces.pods.catalogue import ENABLE
from workspaces.services import jobs
from workspaces.services.workspaces import set_variable

pytestmark = pytest.mark.django_db
OLD = dt.timedelta(minutes=5)
ENDS = {"over": {"conditions": [{"type": "Failed", "status": "True"}]}, "at work": {}}


@pytest.fixture
def pod(launch: Launch, conf: Installation, memory_cluster: MemoryCluster) -> WarmPod:
    """One that waits since before the job was created."""
    launch()
    WarmPool(conf).turn(memory_cluster)  # type: ignore[arg-type]
    pod = WarmPod.objects.get()
    assert records.note_waiting(pod, session_hash="0" * 64, pod_name=f"{pod.job_name}-abcde")
    memory_cluster.jobs[pod.job_name]["metadata"]["creationTimestamp"] = (timezone.now() - 2 * OLD).isoformat()
    return pod


@pytest.fixture
def job() -> Job:
    workspace = WorkspaceFactory.create()
    set_variable(workspace, by=None, key=ENABLE, value="true", category=Category.ENV)
    job = jobs.create_job(workspace, by=None, tcl=PLAN)
    Job.objects.filter(pk=job.pk).update(created_date=timezone.now() - OLD)
    return job


def opened(job: Job) -> tuple[Attempt, launcher.Needs]:
    found = transitions.hand_over(job.pk, to=launcher.open_first_attempt)
    assert found is not None
    return found


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("is_opened", [False, True], ids=["before its attempt", "before its launch"])
def test_a_step_that_ran_in_a_warm_pod_is_not_launched_again(
    is_opened: bool, end: str, pod: WarmPod, job: Job, conf: Installation, memory_cluster: MemoryCluster
) -> None:
    found = opened(job) if is_opened else None
    moment = transaction.savepoint()
    launcher.launch_attempt(*(found or opened(job)))
    assert Attempt.objects.get(step__job=job).started_warm
    memory_cluster.jobs[pod.job_name]["status"] = ENDS[end]
    there = set(memory_cluster.jobs)
    transaction.savepoint_rollback(moment)

    assert WarmPod.objects.get().state == WarmState.WAITING
    WarmPod.objects.update(seen_at=timezone.now() - OLD)
    WarmPool(conf).turn(memory_cluster)  # type: ignore[arg-type]
    assert pod.job_name in memory_cluster.jobs, "the trace of the launch stays"
    assert not WarmPod.objects.filter(pk=pod.pk).exists()
    if is_opened:
        assert launcher.launch_due_attempt(Attempt.objects.get(step__job=job).step_id) is not None
    else:
        launcher.launch_attempt(*opened(job))
    attempt = Attempt.objects.get(step__job=job)
    assert "launched-before" in (attempt.step.reason_code, attempt.step.job.reason_code)
    new = set(memory_cluster.jobs) - there
    assert all(name.startswith(records.NAME_PREFIX) for name in new), "only the pool creates pods"
    assert attempt.launched_at is None
