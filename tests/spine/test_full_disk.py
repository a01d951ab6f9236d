"""A disk that fills in the middle of an apply in a pod: the state is on the site, and the job says what happened."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from executors.models import Attempt
from tests.spine.bell import Bell
from tests.spine.cluster import Cluster, Object
from tests.spine.conftest import SiteMaker
from tests.spine.site import Site, story
from tests.spine.waiting import await_that
from workspaces.choices import IacType, JobStatus
from workspaces.models import Job, RecoveredState, StateVersion

pytestmark = [pytest.mark.cluster, pytest.mark.postgres, pytest.mark.redis, pytest.mark.slow]

APPLY = "flow:\n  - {type: terraformApply, name: Apply, step: 100}\n"
FILL = "until ! head -c 65536 /dev/zero >> fill.bin; do :; done 2>/dev/null"
NOWHERE = {"EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS": "example.org/there-is-no-such-node=true"}
# More than terraform waits between two states that it saves.
INTERVAL_SECONDS = 23


@pytest.fixture(scope="module")
def site(make_site: SiteMaker) -> Iterator[Site]:
    with make_site(optional_role=True) as site:
        site.start()
        yield site


@pytest.fixture
def cluster(site: Site, look: Callable[[Site], Cluster]) -> Cluster:
    return look(site)


def resource(name: str, command: str = "true", after: str = "") -> str:
    depends = f"  depends_on = [terraform_data.{after}]\n" if after else ""
    run = f'    command = {json.dumps(command)}\n    interpreter = ["/bin/bash", "-c"]\n'
    return f'resource "terraform_data" "{name}" {{\n{depends}  provisioner "local-exec" {{\n{run}  }}\n}}\n'


def filling(bell: Bell, ring: str) -> str:
    """Three resources, the second of which fills the disk and then rings."""
    return resource("a") + resource("b", f"{FILL}; {bell.script(ring)}; sleep 2", "a") + resource("c", "true", "b")


def on_a_small_disk(cluster: Cluster, job: Job) -> Attempt:
    """Run a job's pod, which found no node, with its folders in a file system of memory with little room."""
    newest = Attempt.objects.filter(step__job=job).order_by("-number")
    attempt = await_that(newest.first, f"job {job.pk} has an attempt")
    pod = cluster.pod_of(attempt)
    spec: Object = copy.deepcopy(pod["spec"])
    for volume in spec["volumes"]:
        if "emptyDir" in volume:
            volume["emptyDir"] = {"medium": "Memory", "sizeLimit": "24Mi"}
    spec = {name: value for name, value in spec.items() if name not in ("nodeSelector", "nodeName", "tolerations")}
    cluster.create_pod({"metadata": {"name": f"small-{uuid4().hex[:8]}"}, "spec": {**spec, "restartPolicy": "Never"}})
    return attempt


def names(job: Job) -> list[str]:
    newest = StateVersion.objects.filter(job=job).order_by("-number").first()
    assert newest is not None, story(job)
    assert newest.content is not None
    return sorted(found["name"] for found in json.loads(newest.content)["resources"])


@pytest.mark.parametrize("tool", [IacType.TERRAFORM, IacType.TOFU])
@pytest.mark.parametrize("away", [False, True], ids=["site answers", "site is away"])
def test_a_file_system_of_memory_fills(site: Site, cluster: Cluster, bell: Bell, tool: IacType, *, away: bool) -> None:
    ring = f"full-{uuid4().hex[:8]}"
    workspace = site.workspace({"main.tf": filling(bell, ring)}, tool=tool, environment=NOWHERE)
    job = site.job(workspace, APPLY)
    on_a_small_disk(cluster, job)
    await_that(lambda: bell.count(ring), "the disk is full", 90)
    if away:
        site.web.stop()
        site.start_web()
    site.await_status(job, JobStatus.COMPLETED, seconds=90)
    assert names(job) == ["a", "b", "c"], story(job)
    assert not RecoveredState.objects.filter(job=job).exists()


def test_a_pod_that_is_evicted_for_its_disk_has_delivered_its_state(site: Site, bell: Bell) -> None:
    ring = f"full-{uuid4().hex[:8]}"
    grow = "head -c 200M /dev/zero > /tmp/big; "
    main = resource("a") + resource("pause", f"sleep {INTERVAL_SECONDS}", "a")
    main += resource("b", f"{grow}{bell.script(ring)}; sleep 200", "pause")
    workspace = site.workspace({"main.tf": main}, environment={"EPHEMERAL_STORAGE_LIMIT": "64Mi"})
    job = site.job(workspace, APPLY)
    site.await_status(job, JobStatus.FAILED, seconds=180)
    # It has a second to end in good order, which saves the state; why the pod was ended is learnt after it.
    learnt = Attempt.objects.filter(step__job=job, reason_code="evicted")
    await_that(learnt.exists, f"the attempt was evicted: {story(job)}")
    assert {"a", "pause"} <= set(names(job)), story(job)
