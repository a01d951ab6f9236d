"""After a restore of the database, a launch that it does not know is found in each cluster where it may have been."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.utils import timezone

from executors.choices import AttemptState
from executors.cluster import ClusterError
from executors.clusters.records import save_cluster
from executors.installation.settings import Installation
from executors.launching import forgotten_launches, launcher
from executors.models import Attempt
from tests.factories import PLAN, OrganizationFactory, WorkspaceFactory
from tests.warm.conftest import MemoryCluster
from workspaces.actors import TokenUser
from workspaces.choices import Category
from workspaces.jobs import transitions
from workspaces.models import Cluster, Job, Step
from workspaces.pods.catalogue import CLUSTER, ENABLE
from workspaces.services import jobs
from workspaces.services.workspaces import set_variable

pytestmark = pytest.mark.django_db
DEAD = ClusterError("The cluster's API did not answer: ConnectTimeoutError")
type Queue = Callable[..., Step]


@pytest.fixture
def queue(memory_cluster: MemoryCluster, there: MemoryCluster, monkeypatch: pytest.MonkeyPatch) -> Queue:
    """Queue the first step of a job that is a minute old, in a workspace that names a cluster or none."""
    monkeypatch.setattr(forgotten_launches, "_settings_cluster", forgotten_launches._SettingsCluster())

    def queued(cluster: str = "") -> Step:
        workspace = WorkspaceFactory.create()
        set_variable(workspace, by=None, key=ENABLE, value="1", category=Category.ENV)
        if cluster:
            set_variable(workspace, by=None, key=CLUSTER, value=cluster, category=Category.ENV)
        job = jobs.create_job(workspace, by=None, tcl=PLAN)
        Job.objects.filter(pk=job.pk).update(created_date=timezone.now() - dt.timedelta(minutes=1))
        step_id = transitions.advance(job.pk)
        step: Step = Step.objects.select_related("job").get(pk=step_id)
        return step

    return queued


def lose(step: Step, cluster: MemoryCluster, *, namespace: str, over: str = "Complete") -> str:
    """Let a cluster have a Job of the step of which the database knows nothing; returns its name."""
    name = f"job-{step.job_id}-{step.step_number}-1"
    cluster.jobs[name] = {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "creationTimestamp": timezone.now().isoformat(),
            "labels": {
                "terrakube.io/job": str(step.job_id),
                "terrakube.io/workspace": str(step.job.workspace_id),
                "terrakube.io/attempt": "another",
            },
        },
        "status": {"conditions": [{"type": over, "status": "True"}] if over else []},
    }
    return name


def launch(step: Step) -> Attempt:
    launcher.launch_due_attempt(step.pk)
    return Attempt.objects.get(step=step)


def test_a_launch_in_a_cluster_that_the_workspace_no_longer_names_is_found(
    queue: Queue, there: MemoryCluster, memory_cluster: MemoryCluster
) -> None:
    step = queue()
    name = lose(step, there, namespace="steps")
    assert launch(step).state == AttemptState.ENDED
    step.refresh_from_db()
    assert step.reason_code == "launched-before"
    assert f'Kubernetes Job {name} in cluster "east" has ended' in step.reason
    assert not memory_cluster.jobs


def test_a_launch_in_the_cluster_of_the_settings_is_found_for_a_step_that_now_goes_elsewhere(
    queue: Queue, there: MemoryCluster, memory_cluster: MemoryCluster, conf: Installation
) -> None:
    step = queue("east")
    name = lose(step, memory_cluster, namespace=conf.namespace, over="Failed")
    assert launch(step).state == AttemptState.ENDED
    step.refresh_from_db()
    assert f'Kubernetes Job {name} in cluster "default" failed' in step.reason
    assert not there.jobs


def test_one_that_has_not_ended_is_waited_for(queue: Queue, there: MemoryCluster) -> None:
    step = queue()
    name = lose(step, there, namespace="steps", over="")
    assert launch(step).state == AttemptState.NEW
    step.job.refresh_from_db()
    assert f'Kubernetes Job {name} in cluster "east" has not ended yet' in step.job.reason


@pytest.mark.parametrize("changed", [{"enabled": False}, {"silent_since": timezone.now()}])
def test_a_disabled_or_silent_cluster_is_not_asked(
    queue: Queue, there: MemoryCluster, changed: dict[str, object]
) -> None:
    step = queue()
    lose(step, there, namespace="steps")
    there.fail["list_jobs"] = AssertionError()  # type: ignore[assignment]
    Cluster.objects.update(**changed)
    assert launch(step).state == AttemptState.LAUNCHED


def test_a_cluster_for_other_organizations_is_not_asked(
    queue: Queue, there: MemoryCluster, east: Cluster, conf: Installation, admin: TokenUser
) -> None:
    save_cluster(east, changed=(), conf=conf, by=admin, organizations=[OrganizationFactory.create()])
    step = queue()
    there.fail["list_jobs"] = AssertionError()  # type: ignore[assignment]
    assert launch(step).state == AttemptState.LAUNCHED


def test_a_cluster_that_does_not_answer_holds_up_no_step_of_another(
    queue: Queue, there: MemoryCluster, memory_cluster: MemoryCluster
) -> None:
    there.fail["list_jobs"] = DEAD
    assert launch(queue()).state == AttemptState.LAUNCHED
    assert Cluster.objects.get().silent_since is not None
    Cluster.objects.update(silent_since=None)
    there.fail.clear()
    memory_cluster.fail["list_jobs"] = DEAD
    assert launch(queue("east")).state == AttemptState.LAUNCHED
    # It is not asked again by each launch.
    memory_cluster.fail["list_jobs"] = AssertionError()  # type: ignore[assignment]
    assert launch(queue("east")).state == AttemptState.LAUNCHED
