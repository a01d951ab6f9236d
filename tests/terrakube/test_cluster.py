"""The fake of Terrakube's executor as the pod: plan and apply on a cluster, in an image with the real one's name."""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from kubernetes import client

from executors.choices import AttemptOutcome
from executors.logs import store
from executors.models import Attempt
from tests.factories import PLAN, PLAN_APPROVE_APPLY
from tests.spine import rights
from tests.spine.cluster import Cluster, decoded
from tests.spine.processes import Process
from tests.spine.site import Site
from tests.spine.sources import answers, free_port
from tests.spine.waiting import await_that
from tests.support.cluster import evidence, fresh_namespace
from tests.support.module_database import db
from tests.support.needs import PREFIX, promised
from tests.support.patience import patient
from tests.terrakube.conftest import bucket_environ, site_environ
from tests.terrakube.fake.s3 import Bucket
from tests.terrakube.forward import forwarded
from tests.terrakube.runs import Fake
from workspaces.choices import JobStatus
from workspaces.models import StateVersion
from workspaces.services.jobs import approve_job, cancel_job

__all__ = ["db"]
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.slow,
    pytest.mark.timeout(patient(240)),
]
SECRET = "terrakube-executor-secrets"
JOB_SECONDS = 90
type MakeSite = Callable[[str], AbstractContextManager[Site]]


def _images() -> list[str]:
    return [name for name in os.environ.get("TEST_TERRAKUBE_IMAGES", "").split(",") if name]


def _image(version: str) -> str:
    """The name of the fake's image that plays a version."""
    for name in _images():
        if name.endswith(f":{version}"):
            return name
    why = f"TEST_TERRAKUBE_IMAGES names no image of {version} on the node"
    if "cluster" in promised():
        pytest.fail(f"cluster was promised by TEST_REQUIRE: {why}", pytrace=False)
    pytest.skip(f"{PREFIX}cluster: {why}")


@pytest.fixture(scope="module")
def reachable_s3(kube_host: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Object storage where pods reach it."""
    port = free_port(kube_host)
    command = [sys.executable, "-m", "moto.server", "-H", kube_host, "-p", str(port)]
    server = Process("s3", command, dict(os.environ), tmp_path_factory.mktemp("s3"))
    server.start()
    try:
        await_that(lambda: answers(kube_host, port), "the object storage answers", 30)
        endpoint = f"http://{kube_host}:{port}"
        Bucket(bucket_environ(endpoint)).put("", b"")
        yield endpoint
    finally:
        server.stop()


@pytest.fixture(scope="module")
def redis_port(kube_host: str) -> Iterator[int]:
    """The port at which pods reach the site's Redis."""
    host, port = os.environ["TerrakubeRedisHostname"], int(os.environ["TerrakubeRedisPort"])
    with forwarded(host, port, at=kube_host) as found:
        yield found


@pytest.fixture(scope="module")
def make_site(
    db: None,
    cluster_api: client.ApiClient,
    kube_host: str,
    reachable_s3: str,
    redis_port: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> MakeSite:
    """Make a running site whose pods run the fake of a version, with the Secret that its chart makes for them."""

    @contextmanager
    def make(version: str) -> Iterator[Site]:
        image, folder = _image(version), tmp_path_factory.mktemp("site")
        objects = rights.guide_objects() + rights.optional_objects()
        with fresh_namespace(cluster_api) as namespace:
            config = rights.kubeconfig(cluster_api, namespace, folder, objects)
            environ = {
                "KUBECONFIG": str(config),
                "ExecutorEphemeralImage": image,
                "ExecutorEphemeralSecret": SECRET,
                "CustomTofuReleasesUrl": str(_empty_index(folder)),
                **site_environ(reachable_s3),
            }
            site = Site(folder, kube_host, environ, namespace=namespace)
            redis = {"TerrakubeRedisHostname": kube_host, "TerrakubeRedisPort": str(redis_port)}
            pace = {"FAKE_PACE": "0.05"}
            fake = Fake(
                version=version, address=site.address, environ={**bucket_environ(reachable_s3), **redis, **pace}
            )
            secret = client.V1Secret(metadata=client.V1ObjectMeta(name=SECRET), string_data=fake.secret)
            client.CoreV1Api(cluster_api).create_namespaced_secret(namespace, secret)
            with site.at_hand():
                site.start()
                try:
                    yield site
                except BaseException as error:
                    error.add_note(evidence(client.CoreV1Api(cluster_api), namespace))
                    for process in site.processes:
                        error.add_note(f"--- {process.name}\n{process.tail()}")
                    raise

    return make


def _empty_index(folder: Path) -> Path:
    path = folder / "tofu.json"
    path.write_text("[]", encoding="utf-8")
    return path


@pytest.fixture(params=["2.30.2", "2.33.0"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def log_of(attempt: Attempt) -> str:
    return store.read_log(attempt).data.decode()


def test_plan_and_apply_complete_on_a_cluster(make_site: MakeSite, cluster_api: client.ApiClient, version: str) -> None:
    with make_site(version) as site:
        cluster = Cluster(cluster_api, site.namespace)
        workspace = site.workspace({"main.tf": "# nothing\n"})
        job = site.job(workspace, PLAN_APPROVE_APPLY)
        site.await_status(job, JobStatus.WAITING_APPROVAL, seconds=JOB_SECONDS)
        approve_job(job, by=None)
        site.await_status(job, JobStatus.COMPLETED, seconds=JOB_SECONDS)

        plan, apply = Attempt.objects.filter(step__job=job).order_by("step__step_number")
        assert {plan.outcome, apply.outcome} == {AttemptOutcome.SUCCEEDED}
        assert f"applying plan of {plan.step_id}\n" in log_of(apply)
        assert StateVersion.objects.get(workspace=workspace).serial == 7
        k8s_job = cluster.job_of(plan)
        assert k8s_job["spec"]["backoffLimit"] == 0
        (data,) = (secret for secret in cluster.secrets() if secret["metadata"]["name"] == f"job-{job.pk}-100-1")
        assert data["metadata"]["ownerReferences"][0]["uid"] == k8s_job["metadata"]["uid"]
        assert "attemptToken" not in decoded(base64.b64decode(data["data"]["EphemeralJobData"]).decode())
        container = k8s_job["spec"]["template"]["spec"]["containers"][0]
        (variable,) = (entry for entry in container["env"] if entry["name"] == "EphemeralJobData")
        assert "value" not in variable, "the payload lies in a Secret"


def test_a_cancel_deletes_the_job_of_a_running_step(
    make_site: MakeSite, cluster_api: client.ApiClient, version: str
) -> None:
    with make_site(version) as site:
        cluster = Cluster(cluster_api, site.namespace)
        workspace = site.workspace({"main.tf": "# nothing\n"}, environment={"FAKE_HOLD": "200"})
        job = site.job(workspace, PLAN)
        site.await_status(job, JobStatus.RUNNING, seconds=JOB_SECONDS)
        cancel_job(job, by=None)

        def free() -> bool:
            job.refresh_from_db()
            return not job.holds_workspace

        await_that(free, "the workspace is free", 60)
        await_that(lambda: not cluster.jobs(), "its Kubernetes Job is gone", 60)
        assert job.status == JobStatus.CANCELLED
