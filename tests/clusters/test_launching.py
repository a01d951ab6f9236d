"""A step is launched, stopped and repeated in the cluster that its workspace chose, and in no other."""

from __future__ import annotations

import base64
import datetime as dt

import pytest
from django.utils import timezone

from executors import tasks
from executors.choices import AttemptState
from executors.cluster import ClusterError
from executors.clusters import reaching
from executors.launching import launcher
from executors.models import Attempt
from tests.clusters.conftest import Launch
from tests.factories import PLAN, WorkspaceFactory
from tests.warm.conftest import MemoryCluster
from workspaces.choices import Category
from workspaces.models import Cluster, Job
from workspaces.pods.catalogue import CLUSTER, ENABLE
from workspaces.services import jobs
from workspaces.services.workspaces import set_variable

pytestmark = pytest.mark.django_db
DEAD = ClusterError("The cluster's API did not answer: ConnectTimeoutError")


def again(attempt: Attempt) -> str:
    """Launch an attempt as its next task does; returns its state then."""
    Attempt.objects.filter(pk=attempt.pk).update(not_before=timezone.now())
    launcher.launch_due_attempt(attempt.step_id)
    attempt.refresh_from_db()
    return attempt.state


def test_a_step_runs_in_the_cluster_of_its_workspace(
    there: MemoryCluster, memory_cluster: MemoryCluster, launch: Launch
) -> None:
    here, away = launch(), launch("east")
    assert (here.cluster, away.cluster, away.namespace) == ("", "east", "steps")
    assert list(memory_cluster.jobs) == [here.job_name]
    assert list(there.jobs) == [away.job_name]
    assert there.jobs[away.job_name]["metadata"]["namespace"] == "steps"
    (secret,) = there.secrets.values()
    data = base64.b64decode(base64.b64decode(secret["data"]["EphemeralJobData"]))
    assert b"https://site.east.example" in data
    assert not away.shape
    launcher.cancel_step(away.step_id)
    assert there.deleted == [away.job_name]
    assert not memory_cluster.deleted


def test_an_attempt_stays_in_its_cluster_when_the_workspace_changes(
    there: MemoryCluster, memory_cluster: MemoryCluster, launch: Launch
) -> None:
    there.fail["create_secret"] = ClusterError("later", status=500)
    attempt = launch("east")
    assert attempt.state == AttemptState.NEW
    assert list(there.jobs) == [attempt.job_name]
    set_variable(attempt.step.job.workspace, by=None, key=CLUSTER, value="default", category=Category.ENV)
    there.fail.clear()
    assert again(attempt) == AttemptState.LAUNCHED
    assert list(there.jobs) == [attempt.job_name]
    assert not memory_cluster.jobs


def test_a_silent_cluster_is_asked_now_and_then_and_its_steps_say_since_when(
    there: MemoryCluster, east: Cluster, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.fail["create_job"] = DEAD
    first, second = launch("east"), launch("east")
    east.refresh_from_db()
    assert east.silent_since is not None
    words = f'The cluster "east" has not answered since {east.silent_since:%Y-%m-%d %H:%M:%S} UTC'
    for attempt in (first, second):
        assert attempt.state == AttemptState.NEW
        assert attempt.not_before > attempt.created_at
        job = Job.objects.get(steps=attempt.step)
        assert job.reason_code == "cluster-unavailable"
        assert words in job.reason
    # The second was told without a call, and so is the first while it is not its turn.
    there.fail.clear()
    Cluster.objects.update(asked_at=timezone.now() + dt.timedelta(hours=1))
    assert again(first) == AttemptState.NEW
    assert not there.jobs
    Cluster.objects.update(asked_at=timezone.now() - dt.timedelta(seconds=reaching.RETRY_SECONDS))
    assert again(first) == AttemptState.LAUNCHED
    assert again(second) == AttemptState.LAUNCHED
    assert Cluster.objects.get().silent_since is None
    assert sorted(there.jobs) == sorted([first.job_name, second.job_name])


def test_a_disabled_cluster_gets_no_new_step(there: MemoryCluster, launch: Launch) -> None:
    there.fail["create_job"] = ClusterError("later", status=500)
    attempt = launch("east")
    Cluster.objects.update(enabled=False)
    there.fail.clear()
    assert again(attempt) == AttemptState.ENDED
    attempt.step.refresh_from_db()
    assert attempt.step.reason_code == "policy"
    assert not there.jobs


def test_a_disabled_cluster_gets_no_step_where_there_is_no_policy_rule(
    there: MemoryCluster, memory_cluster: MemoryCluster, east: Cluster
) -> None:
    workspace = WorkspaceFactory.create()
    set_variable(workspace, by=None, key=ENABLE, value="1", category=Category.ENV)
    set_variable(workspace, by=None, key=CLUSTER, value="east", category=Category.ENV)
    job = jobs.create_job(workspace, by=None, tcl=PLAN)
    Cluster.objects.update(enabled=False)
    tasks.advance_job(job.pk)
    assert not there.jobs
    assert not memory_cluster.jobs
    job.refresh_from_db()
    assert job.reason_code == "policy"
    assert '"east" is not allowed by the built-in rules; allowed: default' in job.reason


def test_an_attempt_does_not_start_in_a_cluster_that_was_disabled_though_its_workspace_names_another(
    there: MemoryCluster, memory_cluster: MemoryCluster, launch: Launch
) -> None:
    there.fail["create_job"] = DEAD
    attempt = launch("east")
    set_variable(attempt.step.job.workspace, by=None, key=CLUSTER, value="default", category=Category.ENV)
    Cluster.objects.update(enabled=False, silent_since=None)
    there.fail.clear()
    assert again(attempt) == AttemptState.ENDED
    job = Job.objects.get(steps=attempt.step)
    assert job.reason_code == "policy"
    assert 'The cluster "east" is disabled' in job.reason
    assert not there.jobs
    assert not memory_cluster.jobs


def test_the_wait_for_a_silent_cluster_grows(there: MemoryCluster, launch: Launch) -> None:
    there.fail["create_job"] = DEAD
    attempt = launch("east")
    Attempt.objects.update(created_at=timezone.now() - dt.timedelta(seconds=200))
    before = timezone.now()
    again(attempt)
    assert attempt.not_before - before >= dt.timedelta(seconds=launcher.LONGEST_WAIT)
