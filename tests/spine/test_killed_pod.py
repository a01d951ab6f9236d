"""A pod that is killed, and a second pod of the same attempt: commands start at most once, and somebody says why."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from executors.choices import AttemptOutcome, AttemptState, EventKind
from executors.contract.exit_codes import REFUSED
from executors.logs import store
from executors.models import Attempt, AttemptEvent
from tests.spine.bell import Bell
from tests.spine.cluster import Cluster, Object, kill_container, processes_of
from tests.spine.conftest import SiteMaker
from tests.spine.site import Site, story
from tests.spine.waiting import await_that
from workspaces.choices import JobStatus
from workspaces.models import Job

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.slow,
    pytest.mark.faults,
    pytest.mark.everyday,
]

PLAN_AND_APPROVE = """
flow:
  - {type: terraformPlan, name: Plan, step: 100}
  - {type: approval, name: Approval, step: 150}
"""
APPLY = "flow:\n  - {type: terraformApply, name: Apply, step: 100}\n"
NOWHERE = {"EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS": "example.org/there-is-no-such-node=true"}
WAYS: dict[str, Callable[[Cluster, Object], None]] = {
    "deleted": lambda cluster, pod: cluster.delete_pod_now(pod),
    "killed": lambda cluster, pod: kill_container(pod),
}


def scripts(script: str) -> str:
    """A flow of one step that runs a script."""
    command = {"runtime": "BASH", "priority": 1, "script": script}
    return json.dumps({"flow": [{"type": "customScripts", "name": "Script", "step": 100, "commands": [command]}]})


@pytest.fixture(scope="module", params=[False, True], ids=["guide", "optional-role"])
def site(make_site: SiteMaker, request: pytest.FixtureRequest) -> Iterator[Site]:
    """A running site; with the optional Role it sees why a pod died, without it only that its Job failed."""
    with make_site(optional_role=request.param) as site:
        site.start()
        yield site


@pytest.fixture
def cluster(site: Site, look: Callable[[Site], Cluster]) -> Cluster:
    return look(site)


@pytest.fixture
def silent_server(kube_host: str) -> Iterator[str]:
    """The address of a git server that takes connections and never says a word."""
    with socket.create_server((kube_host, 0), backlog=16) as server:
        yield f"git://{kube_host}:{server.getsockname()[1]}/nothing"


def attempt_of(job: Job) -> Attempt:
    """The newest attempt of a job, as soon as there is one."""
    newest = Attempt.objects.filter(step__job=job).order_by("-number")
    return await_that(newest.first, f"job {job.pk} has an attempt")


def await_phase(job: Job, phase: str) -> Attempt:
    found = Attempt.objects.filter(step__job=job, state=AttemptState.CLAIMED, phase=phase)
    return await_that(found.first, f"job {job.pk} is in phase {phase}")


def claims(job: Job) -> int:
    return AttemptEvent.objects.filter(attempt__step__job=job, kind=EventKind.CLAIMED).count()


def outcomes(job: Job) -> list[str]:
    return list(Attempt.objects.filter(step__job=job).order_by("number").values_list("outcome", flat=True))


def assert_failed_with_a_reason(site: Site, job: Job, bell: Bell) -> None:
    """Its commands had not rung by the job's number, and nobody else claimed it."""
    site.await_status(job, JobStatus.FAILED)
    step = job.steps.get()
    assert step.reason, story(job)
    assert step.reason in job.reason, story(job)
    assert (len(outcomes(job)), claims(job), bell.count(str(job.pk))) == (1, 1, 0), story(job)


def _is_gone(pod: Object) -> bool:
    return not processes_of(pod)


def test_a_pod_that_dies_before_its_claim_is_followed_by_another(site: Site, cluster: Cluster, bell: Bell) -> None:
    site.web.stop()
    flow = scripts(bell.script("$jobId"))
    jobs = {way: site.job(site.workspace(), flow) for way in WAYS}
    for way, job in jobs.items():
        pod = cluster.await_running(attempt_of(job))
        WAYS[way](cluster, pod)
        # A pod that was deleted at once is gone for the cluster before its node has ended it, and could claim yet.
        await_that(partial(_is_gone, pod), "its processes are gone")
    site.start_web()
    for job in jobs.values():
        site.await_status(job, JobStatus.COMPLETED)
        *before, last = outcomes(job)
        # A node without time may give up on a container of its own accord: such an attempt is followed as well.
        assert set(before) == {AttemptOutcome.REPLACED}, story(job)
        assert last == AttemptOutcome.SUCCEEDED, story(job)
        assert (claims(job), bell.count(str(job.pk))) == (1, 1), story(job)


def test_a_pod_that_is_deleted_while_it_waits_for_a_node_is_followed_by_another(
    site: Site, cluster: Cluster, bell: Bell
) -> None:
    job = site.job(site.workspace(environment=NOWHERE), scripts(bell.script("$jobId")))
    pod = cluster.pod_of(attempt_of(job))
    job.workspace.variables.filter(key__in=NOWHERE).delete()
    cluster.delete_pod_now(pod)
    site.await_status(job, JobStatus.COMPLETED)
    assert outcomes(job) == [AttemptOutcome.REPLACED, AttemptOutcome.SUCCEEDED], story(job)
    assert (claims(job), bell.count(str(job.pk))) == (1, 1), story(job)


def test_a_pod_that_dies_right_after_its_claim_is_followed_by_none(
    site: Site, cluster: Cluster, bell: Bell, silent_server: str
) -> None:
    flow = scripts(bell.script("$jobId"))
    jobs = {way: site.job(site.workspace(source=silent_server, branch="main"), flow) for way in WAYS}
    for way, job in jobs.items():
        WAYS[way](cluster, cluster.pod_of(await_phase(job, "source")))
    for job in jobs.values():
        assert_failed_with_a_reason(site, job, bell)


def test_a_pod_that_dies_in_the_middle_of_its_apply_is_followed_by_none_and_frees_its_workspace(
    site: Site, cluster: Cluster, bell: Bell
) -> None:
    jobs = {way: site.job(site.workspace({"main.tf": _slow(bell.script(way))}), APPLY) for way in WAYS}
    for way, job in jobs.items():
        bell.await_ring(way)
        WAYS[way](cluster, cluster.pod_of(attempt_of(job)))
    for job in jobs.values():
        assert_failed_with_a_reason(site, job, bell)
    # What held the state must not stop the next one; terraform itself decides what is left to do.
    for job in [site.job(job.workspace, PLAN_AND_APPROVE) for job in jobs.values()]:
        site.await_status(job, JobStatus.WAITING_APPROVAL)
    assert {way: bell.count(way) for way in WAYS} == dict.fromkeys(WAYS, 1)


def _slow(command: str) -> str:
    """A resource whose creation runs a command and then takes its time."""
    provisioner = f'command = {json.dumps(f"{command}; sleep 120")}\n    interpreter = ["/bin/bash", "-c"]'
    return f'resource "terraform_data" "slow" {{\n  provisioner "local-exec" {{\n    {provisioner}\n  }}\n}}\n'


def test_a_second_pod_of_the_same_attempt_is_refused_and_runs_nothing(site: Site, cluster: Cluster, bell: Bell) -> None:
    job = site.job(site.workspace(), scripts(f"{bell.script('$jobId')}; sleep 8"))
    bell.await_ring(str(job.pk))
    copy = _copied(cluster.pod_of(attempt_of(job)))
    name = copy["metadata"]["name"]
    cluster.create_pod(copy)
    assert cluster.exit_code(name) == REFUSED
    (said,) = (cluster.log(pod) for pod in cluster.pods() if pod["metadata"]["name"] == name)
    assert "nothing was run" in said
    site.await_status(job, JobStatus.COMPLETED)
    assert (outcomes(job), claims(job)) == ([AttemptOutcome.SUCCEEDED], 1), story(job)
    assert bell.count(str(job.pk)) == 1
    assert b"nothing was run" not in store.read_log(attempt_of(job)).data


def _copied(pod: Object) -> Object:
    """The same pod once more, made by hand; it is none of the Job's."""
    labels = pod["metadata"]["labels"]
    kept = {key: value for key, value in labels.items() if not key.startswith("batch.") and "controller-uid" not in key}
    kept.pop("job-name", None)
    spec = {key: value for key, value in pod["spec"].items() if key != "nodeName"}
    metadata = {"name": f"{pod['metadata']['name']}-copy", "labels": kept}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
