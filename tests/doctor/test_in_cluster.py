"""The doctor in a real cluster, under the service account of the guide: what is missing is named with its fix."""

from __future__ import annotations

import copy
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from executors import cluster
from executors.doctor import runs
from executors.doctor.report import Finding, State, restore_finding
from executors.installation.settings import installation
from executors.models import CheckRun
from tests.factories import VariableFactory
from tests.spine import rights
from tests.spine.waiting import await_that
from tests.support.patience import patient

pytestmark = [pytest.mark.django_db, pytest.mark.cluster, pytest.mark.timeout(patient(300))]

type Installed = Callable[..., None]


class _Alive(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def address(kube_host: str) -> Iterator[str]:
    """An address that pods reach and that answers as the site does."""
    with http.server.ThreadingHTTPServer((kube_host, 0), _Alive) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://{kube_host}:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def installed(
    cluster_api: client.ApiClient,
    cluster_namespace: str,
    executor_image: str,
    address: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Installed]:
    """An installation in the test's namespace, with an account that has the given objects' rights."""

    def install(objects: list[dict[str, Any]], **environ: str) -> None:
        config = rights.kubeconfig(cluster_api, cluster_namespace, tmp_path, objects)
        given = {
            "ExecutorEphemeralNamespace": cluster_namespace,
            "ExecutorEphemeralImage": executor_image,
            "ExecutorEphemeralSecret": "",
            "AzBuilderApiUrl": address,
            **environ,
        }
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        # The client package reads KUBECONFIG when it is imported.
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(config))
        cluster.forget()
        installation.cache_clear()

    yield install
    cluster.forget()
    installation.cache_clear()


def all_objects() -> list[dict[str, Any]]:
    return rights.guide_objects() + rights.optional_objects()


def check(*, pod: bool = False) -> dict[str, Finding]:
    return {f"{one.subject}: {one.name}": one for one in runs.check_now(pod=pod) if one.subject != "Site"}


def states(found: dict[str, Finding], state: State) -> set[str]:
    return {name for name, one in found.items() if one.state is state}


@pytest.fixture
def cache(cluster_api: client.ApiClient, cluster_namespace: str, tmp_path: Path) -> Iterator[None]:
    """A provider cache that several pods share, and a variable that asks for it."""
    folder = tmp_path / "cache"
    folder.mkdir()
    folder.chmod(0o777)
    core = client.CoreV1Api(cluster_api)
    shared = {"accessModes": ["ReadWriteMany"], "storageClassName": cluster_namespace}
    size = {"storage": "1Mi"}
    volume = {
        "metadata": {"name": cluster_namespace},
        "spec": {**shared, "capacity": size, "hostPath": {"path": str(folder)}},
    }
    claim = {
        "metadata": {"name": "terrakube-plugin-pvc"},
        "spec": {**shared, "resources": {"requests": size}, "volumeName": cluster_namespace},
    }
    VariableFactory.create(key="TF_PLUGIN_CACHE_DIR", value="/cache")
    core.create_persistent_volume(volume)  # type: ignore[arg-type]
    core.create_namespaced_persistent_volume_claim(cluster_namespace, claim)  # type: ignore[arg-type]
    # A claim that is not bound yet is one of the reasons for which a pod is said to be stuck.
    await_that(lambda: core.read_persistent_volume(cluster_namespace).status.phase == "Bound", "the claim is bound", 60)  # type: ignore[union-attr]
    yield
    core.delete_persistent_volume(cluster_namespace)


@pytest.mark.usefixtures("cache")
def test_all_is_well_with_the_roles_of_the_guide(
    installed: Installed, cluster_api: client.ApiClient, cluster_namespace: str
) -> None:
    installed(all_objects())
    found = check(pod=True)
    assert states(found, State.FAIL) == set()
    assert {
        "Cluster: API server",
        "Cluster: clock of the API server",
        "Cluster: namespace",
        "Cluster: a step's Job",
        "Rights: create jobs",
        "Rights: get pods/log",
        "Probe pod: start",
        "Probe pod: resolves the site's name",
        "Probe pod: reaches the site",
        "Probe pod: takes SIGINT",
        "Cluster: claim terrakube-plugin-pvc",
        "Probe pod: writes the provider cache",
        "Probe pod: locks in the provider cache",
        "Probe pod: told to end",
    } <= states(found, State.PASS)
    assert client.BatchV1Api(cluster_api).list_namespaced_job(cluster_namespace).items == []


def test_with_the_guides_role_alone_a_run_in_the_background_goes_on_with_each_beat(installed: Installed) -> None:
    installed(rights.guide_objects())
    run = runs.request_run(by="root@site.example")
    runs.begin_run(run.pk)
    for _ in range(int(patient(120))):
        runs.advance_runs()
        run = CheckRun.objects.get(pk=run.pk)
        if run.finished_at is not None:
            break
        threading.Event().wait(0.5)
    assert run.finished_at is not None
    found = {f"{row['subject']}: {row['name']}": restore_finding(row) for row in run.found if row["subject"] != "Site"}
    assert states(found, State.FAIL) == set()
    # The pod's log may not be read, so its readiness says it.
    assert found["Probe pod: resolves and reaches the site, takes SIGINT"].state is State.PASS
    assert found["Rights: create secrets"].state is State.OPTIONAL
    assert "resources: [secrets], verbs: [create]" in found["Rights: create secrets"].fix


@pytest.mark.parametrize("verb", ["create", "delete", "watch"])
def test_a_right_that_was_taken_away_is_named_with_the_rule_to_add(
    installed: Installed, cluster_namespace: str, verb: str
) -> None:
    objects = copy.deepcopy(rights.guide_objects())
    objects[1]["rules"][0]["verbs"].remove(verb)
    installed(objects)
    found = check()
    row = found[f"Rights: {verb} jobs"]
    assert row.state is State.FAIL
    assert row.fix == (
        f"Add to Role terrakube-api-role in namespace {cluster_namespace}: "
        f"{{apiGroups: [batch], resources: [jobs], verbs: [{verb}]}}"
    )
    assert states(found, State.FAIL) == {f"Rights: {verb} jobs"} | (
        {"Cluster: a step's Job"} if verb == "create" else set()
    )


def test_a_namespace_and_a_claim_that_are_not_there_are_named(installed: Installed, cluster_namespace: str) -> None:
    VariableFactory.create(key="TF_PLUGIN_CACHE_DIR", value="/cache")
    installed(all_objects(), ExecutorEphemeralSecret="not-there")
    found = check()
    assert found["Cluster: claim terrakube-plugin-pvc"].detail == "It does not exist"
    # Nothing may read Secrets, so this is for the pod to find.
    assert found["Cluster: Secret not-there"].state is State.UNKNOWN


def test_a_pod_that_cannot_start_says_why(installed: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("executors.doctor.probe.STUCK_SECONDS", 2)
    installed(all_objects(), ExecutorEphemeralSecret="not-there")
    found = check(pod=True)
    row = found["Probe pod: start"]
    assert row.state is State.FAIL
    assert "not-there" in row.detail + row.fix


def test_a_site_that_pods_do_not_reach_is_named(installed: Installed, kube_host: str) -> None:
    installed(all_objects(), AzBuilderApiUrl=f"http://{kube_host}:1")
    found = check(pod=True)
    assert found["Probe pod: reaches the site"].state is State.FAIL
    assert "AzBuilderApiUrl" in found["Probe pod: reaches the site"].fix
    assert found["Probe pod: resolves the site's name"].state is State.PASS
