"""The watcher on a real cluster: what it says, and what becomes of the step, whatever happens to Job and pod."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from django.utils.module_loading import import_string
from kubernetes import client

from executors import cluster
from executors.attempts import lifecycle
from executors.attempts.lifecycle import endings
from executors.choices import AttemptOutcome, AttemptState, EventKind
from executors.cluster import Manifest
from executors.cluster.api import Cluster
from executors.installation.settings import installation
from executors.logs import store
from executors.models import Attempt
from executors.watching.decisions import Patience
from executors.watching.diagnosis.pods import Wait
from executors.watching.site_probe import SiteProbe
from executors.watching.sweep import Sweep
from executors.watching.watcher import Watcher
from tests.executors.watching.conftest import SESSION
from tests.factories import PLAN_AND_APPLY, VariableFactory, WorkspaceFactory
from tests.spine import rights
from tests.support.needs import PREFIX
from tests.support.patience import patient
from workspaces.choices import JobStatus
from workspaces.models import Job
from workspaces.services import jobs

pytestmark = [pytest.mark.cluster, pytest.mark.django_db(transaction=True)]
NOBODY = "127.0.0.1:9"
"""Where nothing answers."""


@pytest.fixture
def idle_image(cluster_api: client.ApiClient) -> str:
    """An image that every node has, and that does nothing until it is told to end: an executor that never claims."""
    nodes: Any = client.CoreV1Api(cluster_api).list_node()
    names = [name for image in nodes.items[0].status.images for name in image.names or ()]
    return str(next(name for name in names if "/pause:" in name))


@pytest.fixture
def executor_image() -> str:
    name = os.environ.get("TEST_EXECUTOR_IMAGE", "")
    if not name:
        pytest.skip(f"{PREFIX}cluster: TEST_EXECUTOR_IMAGE, the executor's image on the node, is not set")
    return name


@dataclass
class Scene:
    """One job on one workspace, launched into a namespace of its own and watched there."""

    namespace: str
    batch: client.BatchV1Api
    core: client.CoreV1Api
    job: Job
    watcher: Watcher

    def watch(self, until: Callable[[], object], what: str, seconds: float = 60) -> None:
        """Let the watcher take turns until something holds."""
        limit = time.monotonic() + patient(seconds)
        while not until():
            if time.monotonic() > limit:
                self.job.refresh_from_db()
                pytest.fail(f"after {patient(seconds):.0f} s not yet: {what}; {self.job.status}: {self.job.reason}")
            self.watcher.turn()

    def status(self) -> str:
        self.job.refresh_from_db()
        return self.job.status

    def said(self) -> str:
        self.job.refresh_from_db()
        return str(self.job.reason)

    def attempt(self, number: int = 1) -> Attempt:
        return Attempt.objects.get(step__job=self.job, number=number)

    def attempts(self) -> int:
        return Attempt.objects.filter(step__job=self.job).count()

    def pods(self) -> list[Any]:
        found: list[Any] = self.core.list_namespaced_pod(self.namespace).items
        return found

    def await_running(self) -> str:
        self.watch(lambda: any(pod.status.phase == "Running" for pod in self.pods()), "a running pod")
        return str(self.pods()[0].metadata.name)

    def kill(self, pod: str) -> None:
        self.core.delete_namespaced_pod(pod, self.namespace, grace_period_seconds=0)

    def claim(self) -> None:
        """Claim as the pod's executor would."""
        assert lifecycle.claim_attempt(self.attempt(), SESSION) is lifecycle.Claim.WON

    def live_jobs(self) -> list[str]:
        found: list[Any] = self.batch.list_namespaced_job(self.namespace).items
        return [job.metadata.name for job in found if not job.status.conditions]

    def free(self) -> bool:
        self.job.refresh_from_db()
        return not self.job.holds_workspace


type Begin = Callable[..., Scene]


@pytest.fixture
def begin(
    cluster_api: client.ApiClient,
    cluster_namespace: str,
    kube_host: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    transactional_db: None,
) -> Iterator[Begin]:
    """Begin a job whose step is launched with an image and a workspace's variables; tasks are done at once."""
    monkeypatch.setattr(
        "workspaces.task_queue.client.async_task", lambda name, *args, **options: import_string(name)(*args)
    )
    monkeypatch.setattr(endings, "RETRY_SECONDS", (1,))
    monkeypatch.setattr("executors.watching.watcher.SWEEP_SECONDS", 2.0)
    watchers: list[Watcher] = []

    def made(image: str, *, role: str = "optional", waits: dict[Wait, float] | None = None, **variables: str) -> Scene:
        objects = rights.guide_objects() + (rights.optional_objects() if role == "optional" else [])
        for name, value in {
            "ExecutorEphemeralNamespace": cluster_namespace,
            "ExecutorEphemeralImage": image,
            "ExecutorEphemeralSecret": "",
            "ExecutorEphemeralImagePullPolicy": "IfNotPresent",
            "ExecutorEphemeralGraceSeconds": "1",
            "ExecutorMaxAttempts": "2",
            "AzBuilderApiUrl": f"http://{kube_host}:9",
        }.items():
            monkeypatch.setenv(name, value)
        config = str(rights.kubeconfig(cluster_api, cluster_namespace, tmp_path, objects))
        # The client has read KUBECONFIG when it was imported.
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", config)
        cluster.forget()
        installation.cache_clear()
        limits = Patience(waits={**Patience().waits, **(waits or {})}, report_seconds=1, missing_seconds=1)
        watcher = Watcher(installation(), tmp_path, sweep=Sweep(installation(), limits=limits))
        watchers.append(watcher)
        watcher.become_active()
        watcher.turn()
        workspace = WorkspaceFactory.create()
        for key, value in {"TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR": "1", **variables}.items():
            VariableFactory.create(workspace=workspace, key=key, value=value)
        job = jobs.create_job(workspace, by=None, tcl=PLAN_AND_APPLY)
        scene = Scene(cluster_namespace, client.BatchV1Api(cluster_api), client.CoreV1Api(cluster_api), job, watcher)
        assert scene.status() == JobStatus.QUEUE, scene.said()
        return scene

    yield made
    for watcher in watchers:
        watcher.close()
    cluster.forget()
    installation.cache_clear()


def test_an_image_that_cannot_be_pulled_is_explained_tried_again_and_then_the_reason(begin: Begin) -> None:
    scene = begin(f"{NOBODY}/team/executor:1", waits={Wait.IMAGE: 2})
    scene.watch(lambda: "cannot reach the registry of image" in scene.said(), "the reason on the job", seconds=10)
    scene.watch(lambda: scene.status() == JobStatus.FAILED, "the end")
    assert scene.attempts() == 2
    assert (scene.attempt(1).outcome, scene.attempt(2).outcome) == (AttemptOutcome.REPLACED, AttemptOutcome.LOST)
    assert f"{NOBODY}/team/executor:1" in scene.said()
    assert scene.free()
    scene.watch(lambda: not scene.live_jobs(), "no Job left")


def test_a_pod_that_no_node_takes_is_explained_in_the_schedulers_words(begin: Begin, idle_image: str) -> None:
    scene = begin(idle_image, EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS="disk=none-of-this")
    scene.watch(
        lambda: "didn't match Pod's node affinity/selector" in scene.said(), "the scheduler's words", seconds=10
    )
    assert scene.attempt().events.filter(kind=EventKind.WAITING).exists()


def test_a_pod_that_was_killed_after_the_claim_is_lost_and_its_step_never_starts_again(
    begin: Begin, executor_image: str
) -> None:
    scene = begin(executor_image)
    pod = scene.await_running()
    scene.claim()
    scene.kill(pod)
    scene.watch(lambda: scene.status() == JobStatus.FAILED, "the end")
    assert scene.attempt().outcome == AttemptOutcome.LOST
    assert scene.attempt().reason_code in {"pod-deleted", "stopped"}
    scene.watch(scene.free, "a free workspace")
    assert (scene.attempts(), len(scene.pods())) == (1, 0)
    kinds = list(scene.attempt().events.values_list("kind", flat=True))
    assert {EventKind.SCHEDULED, EventKind.IMAGE, EventKind.STARTED} <= set(kinds)
    assert scene.attempt().node_name


def test_a_pod_that_was_deleted_before_the_claim_is_replaced(begin: Begin, idle_image: str) -> None:
    scene = begin(idle_image)
    scene.kill(scene.await_running())
    scene.watch(lambda: scene.attempts() == 2, "a second attempt")
    assert (scene.attempt().outcome, scene.attempt().reason_code) == (AttemptOutcome.REPLACED, "pod-deleted")
    scene.watch(lambda: scene.attempt(2).state == AttemptState.LAUNCHED, "its launch")


@pytest.mark.parametrize("claimed", [False, True], ids=["unclaimed", "claimed"])
def test_a_job_that_was_deleted_by_hand_ends_its_attempt_with_the_reason(
    begin: Begin, idle_image: str, executor_image: str, claimed: bool
) -> None:
    # An executor that has not claimed says so when it ends; another program that ends with 0 counts as one that had.
    scene = begin(idle_image if claimed else executor_image)
    scene.await_running()
    if claimed:
        scene.claim()
    scene.batch.delete_namespaced_job(scene.attempt().job_name, scene.namespace, propagation_policy="Background")
    scene.watch(lambda: scene.attempt().state == AttemptState.ENDED, "the attempt's end")
    assert "deleted" in scene.attempt().reason
    if claimed:
        assert (scene.attempt().outcome, scene.status()) == (AttemptOutcome.LOST, JobStatus.FAILED)
        scene.watch(scene.free, "a free workspace")
    else:
        assert (scene.attempt().outcome, scene.attempts()) == (AttemptOutcome.REPLACED, 2), scene.attempt().reason


def test_a_container_that_needs_more_memory_than_its_limit_ends_with_that_limit_as_the_reason(
    begin: Begin, executor_image: str
) -> None:
    scene = begin(executor_image, EPHEMERAL_MEMORY_LIMIT="8Mi")
    scene.claim()
    scene.watch(lambda: scene.status() == JobStatus.FAILED, "the end")
    assert (scene.attempt().outcome, scene.attempt().reason_code) == (AttemptOutcome.LOST, "oom-killed")
    assert "limit of 8Mi" in scene.said()
    scene.watch(scene.free, "a free workspace")


def test_a_container_that_never_claims_is_replaced_and_its_pod_ended(
    begin: Begin, idle_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # There is no site at this test's address; where it does not answer, an executor is waited for longer.
    monkeypatch.setattr(SiteProbe, "answers", lambda probe: True)
    scene = begin(idle_image, waits={Wait.CLAIM: 2})
    scene.watch(lambda: scene.attempts() == 2, "a second attempt")
    assert scene.attempt().reason_code == "not-claimed"
    scene.watch(lambda: scene.attempt().job_name not in scene.live_jobs(), "no first Job")
    assert lifecycle.claim_attempt(scene.attempt(), SESSION) is lifecycle.Claim.OVER


def test_a_cancelled_pod_is_told_to_go_and_frees_the_workspace_when_it_has(begin: Begin, idle_image: str) -> None:
    scene = begin(idle_image)
    scene.await_running()
    scene.claim()
    jobs.cancel_job(scene.job, by=None)
    assert (scene.status(), scene.free()) == (JobStatus.CANCELLED, False)
    scene.watch(scene.free, "a free workspace")
    # This container takes no signal, and is killed after its grace period.
    assert (scene.pods(), scene.attempt().outcome) == ([], AttemptOutcome.KILLED)


def test_a_running_job_of_an_attempt_that_is_over_is_deleted_and_other_peoples_are_not(
    begin: Begin, idle_image: str
) -> None:
    scene = begin(idle_image)
    name = scene.attempt().job_name
    made: Any = scene.batch.read_namespaced_job(name, scene.namespace)
    pod = scene.batch.api_client.sanitize_for_serialization(made.spec.template.spec)
    managed = {"app.kubernetes.io/managed-by": "terrakube-site"}
    # As an attempt of another site in the same namespace has it, and as somebody makes it by hand.
    for other, labels in (("foreign", {"terrakube.io/attempt": str(uuid4())}), ("by-hand", {})):
        body: Any = {"metadata": {"name": other, "labels": managed | labels}, "spec": {"template": {"spec": pod}}}
        scene.batch.create_namespaced_job(scene.namespace, body)
    Attempt.objects.update(state=AttemptState.ENDED, cleaned_at=timezone.now(), ended_at=timezone.now())
    scene.watch(lambda: name not in scene.live_jobs(), "the Job's end")
    assert sorted(scene.live_jobs()) == ["by-hand", "foreign"]


def test_a_sidecar_that_stays_hides_no_end_of_the_executor_and_keeps_no_job(
    begin: Begin, executor_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = Cluster.create_job

    def inject(api: Cluster, namespace: str, manifest: Manifest, **options: Any) -> Manifest:
        """Create a Job as a cluster does whose webhook adds a sidecar; its executor fails."""
        containers = manifest["spec"]["template"]["spec"]["containers"]
        containers[0]["command"] = ["sh", "-c", "echo the last words; exit 64"]
        sidecar = {"name": "istio-proxy", "command": ["sh", "-c", "trap exit TERM; sleep 600 & wait"]}
        containers.insert(0, {**containers[0], **sidecar, "envFrom": [], "env": []})
        return create(api, namespace, manifest, **options)

    monkeypatch.setattr(Cluster, "create_job", inject)
    scene = begin(executor_image)
    scene.watch(lambda: scene.status() == JobStatus.FAILED, "the end", seconds=20)
    assert scene.attempt().reason_code == "bad-job-data"
    assert "the last words" in store.read_log(scene.attempt()).data.decode()
    assert scene.free()
    scene.watch(lambda: not scene.live_jobs(), "no Job left")


# ---- with the guide's Role alone ------------------------------------------------------------------------------------


def test_without_the_right_to_see_pods_a_start_that_fails_says_what_would_tell_more(begin: Begin) -> None:
    scene = begin(f"{NOBODY}/team/executor:1", role="guide", waits={Wait.START: 5})
    scene.watch(lambda: "get, list and watch on pods" in scene.said(), "the right that is missing", seconds=10)
    scene.watch(lambda: scene.status() == JobStatus.FAILED, "the end")
    assert scene.attempt().reason_code == "start-timeout"
    assert f"get, list and watch on pods in namespace {scene.namespace}" in scene.said()
    assert scene.free()
    scene.watch(lambda: not scene.live_jobs(), "no Job left")


def test_without_the_right_to_see_pods_a_killed_pod_is_lost_all_the_same(begin: Begin, executor_image: str) -> None:
    scene = begin(executor_image, role="guide")
    pod = scene.await_running()
    scene.claim()
    scene.kill(pod)
    scene.watch(lambda: scene.status() == JobStatus.FAILED, "the end")
    assert (scene.attempt().outcome, scene.attempt().reason_code) == (AttemptOutcome.LOST, "failed-unseen")
    assert "get, list and watch on pods" in scene.said()
    scene.watch(scene.free, "a free workspace")
    assert scene.attempts() == 1
