"""Steps that start in warm pods: on the cluster, with the processes of a site."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

import pytest
from django.utils import timezone

from executors.choices import EventKind, WarmState
from executors.models import Attempt, WarmPod
from executors.warm import records
from tests.factories import PLAN, PLAN_AND_APPLY
from tests.spine.cluster import Cluster, kill_container
from tests.spine.conftest import SiteMaker
from tests.spine.site import Site
from tests.spine.waiting import await_that
from workspaces.choices import JobStatus
from workspaces.models import Job

pytestmark = [pytest.mark.cluster, pytest.mark.postgres, pytest.mark.redis]
TEXT = 'resource "terraform_data" "one" { input = "x" }\n'
FLOW = PLAN_AND_APPLY


@pytest.fixture(scope="module")
def warm_site(make_site: SiteMaker) -> Iterator[Site]:
    with make_site(optional_role=True, ExecutorWarmPods="2", ExecutorWarmPodsOfAShape="1") as site:
        site.start()
        yield site


def attempts_of(job: Job) -> list[Attempt]:
    return list(Attempt.objects.filter(step__job=job).order_by("step__step_number", "number"))


def waiting_pods() -> set[str]:
    """Return the names of the pods that wait."""
    fresh = timezone.now() - dt.timedelta(seconds=records.SEEN_SECONDS / 2)
    return set(WarmPod.objects.filter(state=WarmState.WAITING, seen_at__gt=fresh).values_list("pod_name", flat=True))


def await_waiting(number: int) -> None:
    await_that(lambda: len(waiting_pods()) == number, f"{number} pods wait", 60)


def test_the_second_job_of_a_workspace_runs_in_warm_pods(warm_site: Site, look: Callable[[Site], Cluster]) -> None:
    cluster = look(warm_site)
    workspace = warm_site.workspace({"main.tf": TEXT})
    first = warm_site.job(workspace, FLOW)
    warm_site.await_status(first, JobStatus.COMPLETED)
    assert not any(attempt.started_warm for attempt in attempts_of(first))
    # A plan and an apply have different manifests: a step that changes something gets more time to end.
    await_waiting(2)
    waiting = waiting_pods()

    other = warm_site.workspace({"main.tf": TEXT})
    second = warm_site.job(other, FLOW)
    warm_site.await_status(second, JobStatus.COMPLETED)
    plan, apply = attempts_of(second)
    assert (plan.started_warm, apply.started_warm) == (True, True)
    assert {plan.pod_name, apply.pod_name} == waiting
    for attempt in (plan, apply):
        assert attempt.events.filter(kind=EventKind.WARM, detail=attempt.pod_name).exists()
        labels = cluster.pod_of(attempt)["metadata"]["labels"]
        assert labels["terrakube.io/workspace"] == str(other.pk)
        assert labels["terrakube.io/step"] == str(attempt.step_id)
    await_waiting(2)


def test_a_step_whose_warm_pod_has_just_died_starts_in_a_new_one(
    warm_site: Site, look: Callable[[Site], Cluster]
) -> None:
    cluster = look(warm_site)
    await_waiting(2)
    waiting = waiting_pods()
    for pod in cluster.pods("terrakube.io/warm-pod,!terrakube.io/attempt"):
        if pod["metadata"]["name"] in waiting:
            kill_container(pod)
    job = warm_site.job(warm_site.workspace({"main.tf": TEXT}), PLAN)
    warm_site.await_status(job, JobStatus.COMPLETED)
    (*earlier, last) = attempts_of(job)
    assert not last.started_warm
    assert all(attempt.claimed_at is None for attempt in earlier), "no command began twice"
