"""A step that needs more memory than it has, and one that is pushed from its node: stopped in good order, and said."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from executors.choices import AttemptOutcome, AttemptState
from executors.models import Attempt
from tests.spine.cluster import Cluster
from tests.spine.conftest import SiteMaker
from tests.spine.site import Site, story
from tests.spine.test_killed_pod import attempt_of, await_phase, scripts
from workspaces.choices import JobStatus

pytestmark = [pytest.mark.cluster, pytest.mark.postgres, pytest.mark.redis, pytest.mark.slow, pytest.mark.faults]

# A little more each moment, so that it is seen before the kernel kills.
GROWING = """python3 -c '
import time
held = []
for _ in range(400):
    held.append(b"x" * 2**20)
    time.sleep(0.1)
'"""
WAITING = "trap 'echo told to stop; exit 1' INT; sleep 120 & wait"
LIMIT = {"EPHEMERAL_MEMORY_LIMIT": "128Mi", "EPHEMERAL_MEMORY_REQUEST": "64Mi"}


@pytest.fixture(scope="module")
def site(make_site: SiteMaker) -> Iterator[Site]:
    with make_site(optional_role=True) as site:
        site.start()
        yield site


@pytest.fixture
def cluster(site: Site, look: Callable[[Site], Cluster]) -> Cluster:
    return look(site)


def test_a_step_is_stopped_in_good_order_before_its_memory_is_used_up(site: Site) -> None:
    job = site.job(site.workspace(environment=LIMIT), scripts(GROWING))
    site.await_status(job, JobStatus.FAILED)
    step = job.steps.get()
    assert step.reason_code == "memory-soft-stop", story(job)
    assert "of its memory limit of 128 MiB and was stopped cleanly" in step.reason
    attempt = Attempt.objects.get(step=step)
    assert attempt.outcome == AttemptOutcome.FAILED
    assert attempt.peak_memory_bytes is not None
    assert 110 * 2**20 < attempt.peak_memory_bytes <= 128 * 2**20
    assert attempt.resources == {"requests": {"memory": "64Mi"}, "limits": {"memory": "128Mi"}}


def test_a_pod_that_is_evicted_says_that_its_node_was_drained(site: Site, cluster: Cluster) -> None:
    job = site.job(site.workspace(), scripts(WAITING))
    attempt = await_phase(job, "script")
    pod = cluster.pod_of(attempt_of(job))
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    annotations = pod["metadata"]["annotations"]
    assert annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": namespace}}
    cluster.core.create_namespaced_pod_eviction(name, namespace, eviction)  # type: ignore[arg-type]
    site.await_status(job, JobStatus.FAILED)
    step = job.steps.get()
    assert step.reason_code == "drained", story(job)
    assert step.reason == "The pod was evicted, for example because its node was drained; it stopped cleanly"
    attempt.refresh_from_db()
    assert (attempt.state, attempt.outcome) == (AttemptState.ENDED, AttemptOutcome.FAILED)
