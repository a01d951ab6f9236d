"""Each variable that shapes a step's pod, read back from the API server as its Job and its pod have it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings
from kubernetes import client

from executors.choices import ExecutorKind
from executors.logs import store
from executors.models import Attempt
from tests.spine.cluster import Cluster, Object
from tests.spine.conftest import SiteMaker
from tests.spine.site import Site
from tests.spine.waiting import await_that
from workspaces.choices import JobStatus
from workspaces.models import Job
from workspaces.pods.catalogue import ENABLE, SETTINGS

pytestmark = [pytest.mark.cluster, pytest.mark.postgres, pytest.mark.redis]

NOTHING = """
flow:
  - type: customScripts
    name: Nothing
    step: 100
    commands: [{runtime: BASH, priority: 1, script: "true"}]
"""
SHOWING = """
flow:
  - {type: terraformPlan, name: Plan, step: 100}
  - type: terraformApply
    name: Apply
    step: 200
    commands:
      - runtime: BASH
        priority: 1
        before: true
        script: |
          echo "user $(id -u), groups $(id -G)"
          echo "config map: $(cat /etc/tf/hello.txt)"
          echo "environment: $GREETING $FROM_CONFIG_MAP $FROM_SECRET"
          test -s /var/run/secrets/kubernetes.io/serviceaccount/token && echo "account: mounted"
"""
CLOCK = """
terraform {
  required_providers {
    time = { source = "hashicorp/time", version = "0.14.2" }
  }
}
resource "time_static" "now" {}
"""
CLAIM, ACCOUNT, SECRET = "cache", "tf-runner", "team-keys"


@dataclass(frozen=True)
class Made:
    """What the cluster has of a step."""

    job: Object
    pod: Object

    @property
    def spec(self) -> Object:
        found: Object = self.pod["spec"]
        return found

    @property
    def container(self) -> Object:
        found: Object = self.spec["containers"][0]
        return found

    def resource(self, kind: str, name: str) -> Any:
        return self.container["resources"][kind][name]

    def mounted(self, volume: str, source: str) -> Any:
        """The source of a volume, and where the container has it."""
        (found,) = (each[source] for each in self.spec["volumes"] if each["name"] == volume)
        (path,) = (each["mountPath"] for each in self.container["volumeMounts"] if each["name"] == volume)
        return found, path


@dataclass(frozen=True)
class Case:
    """Variables, where their effect is to be seen, and what is there then."""

    variables: Mapping[str, str]
    seen: Callable[[Made], Any]
    expected: Any


def _config_map(made: Made) -> Any:
    source, path = made.mounted("config-volume", "configMap")
    return source["name"], path


def _claim(made: Made) -> Any:
    source, path = made.mounted("tf-plugin-volume", "persistentVolumeClaim")
    return source["claimName"], path


def _toleration(made: Made) -> Any:
    return [each for each in made.spec["tolerations"] if each["key"] in ("spot", "dedicated")]


def _pod_security(made: Made) -> Any:
    found = made.spec["securityContext"]
    return found["fsGroup"], found["runAsUser"], found["runAsNonRoot"]


def _env(made: Made) -> Any:
    return [(each["name"], each["value"]) for each in made.container["env"] if each["name"] in ("GREETING", "EMPTY")]


def _config_map_environment(made: Made) -> Any:
    return [each["configMapRef"]["name"] for each in made.container["envFrom"] if "configMapRef" in each]


CACHE = {"TF_PLUGIN_CACHE_DIR": "/cache", "PVC_CLAIM_NAME": CLAIM}
CASES = {
    ENABLE: Case({}, lambda made: made.job["spec"]["backoffLimit"], 0),
    "EPHEMERAL_CONFIG_CLUSTER": Case(
        # Another cluster: tests/faults/test_two_clusters.py.
        {"EPHEMERAL_CONFIG_CLUSTER": "default"},
        lambda made: made.job["metadata"]["labels"]["app.kubernetes.io/managed-by"],
        "terrakube-site",
    ),
    "EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS": Case(
        {"EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS": "kubernetes.io/os=linux; kubernetes.io/arch=amd64"},
        lambda made: made.spec["nodeSelector"],
        {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"},
    ),
    "EPHEMERAL_CONFIG_SERVICE_ACCOUNT": Case(
        {"EPHEMERAL_CONFIG_SERVICE_ACCOUNT": ACCOUNT}, lambda made: made.spec["serviceAccountName"], ACCOUNT
    ),
    "EPHEMERAL_CONFIG_ANNOTATIONS": Case(
        {"EPHEMERAL_CONFIG_ANNOTATIONS": "owner=net;example.org/note=a=b"},
        lambda made: (made.job["metadata"]["annotations"], "owner" in made.pod["metadata"].get("annotations", {})),
        ({"owner": "net", "example.org/note": "a=b"}, False),
    ),
    "EPHEMERAL_CONFIG_MAP_NAME": Case({"EPHEMERAL_CONFIG_MAP_NAME": "tf-files"}, _config_map, ("tf-files", "/data")),
    "EPHEMERAL_CONFIG_MAP_MOUNT_PATH": Case(
        {"EPHEMERAL_CONFIG_MAP_NAME": "tf-files", "EPHEMERAL_CONFIG_MAP_MOUNT_PATH": "/etc/tf"},
        _config_map,
        ("tf-files", "/etc/tf"),
    ),
    "EPHEMERAL_CONFIG_TOLERATIONS": Case(
        {"EPHEMERAL_CONFIG_TOLERATIONS": "spot;dedicated=tf:Equal:NoSchedule"},
        _toleration,
        [
            {"key": "spot", "operator": "Exists"},
            {"key": "dedicated", "operator": "Equal", "value": "tf", "effect": "NoSchedule"},
        ],
    ),
    "TF_PLUGIN_CACHE_DIR": Case(CACHE, _claim, (CLAIM, "/cache")),
    "PVC_CLAIM_NAME": Case(CACHE, _claim, (CLAIM, "/cache")),
    "EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT": Case(
        {"EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT": "fsGroup=2000;runAsUser=1001;runAsNonRoot=true"},
        _pod_security,
        (2000, 1001, True),
    ),
    "EPHEMERAL_CONFIG_SECURITY_CONTEXT": Case(
        {"EPHEMERAL_CONFIG_SECURITY_CONTEXT": "allowPrivilegeEscalation=true"},
        lambda made: made.container["securityContext"]["allowPrivilegeEscalation"],
        True,
    ),
    "EPHEMERAL_CPU_REQUEST": Case(
        {"EPHEMERAL_CPU_REQUEST": "10m"}, lambda made: made.resource("requests", "cpu"), "10m"
    ),
    "EPHEMERAL_CPU_LIMIT": Case(
        # A limit alone is the request too: all of a node of two processors, which is never free beside other tests.
        {"EPHEMERAL_CPU_LIMIT": "2", "EPHEMERAL_CPU_REQUEST": "10m"},
        lambda made: made.resource("limits", "cpu"),
        "2",
    ),
    "EPHEMERAL_MEMORY_REQUEST": Case(
        {"EPHEMERAL_MEMORY_REQUEST": "16Mi"}, lambda made: made.resource("requests", "memory"), "16Mi"
    ),
    "EPHEMERAL_MEMORY_LIMIT": Case(
        {"EPHEMERAL_MEMORY_LIMIT": "1Gi"}, lambda made: made.resource("limits", "memory"), "1Gi"
    ),
    "EPHEMERAL_STORAGE_REQUEST": Case(
        {"EPHEMERAL_STORAGE_REQUEST": "1Mi"}, lambda made: made.resource("requests", "ephemeral-storage"), "1Mi"
    ),
    "EPHEMERAL_STORAGE_LIMIT": Case(
        {"EPHEMERAL_STORAGE_LIMIT": "1Gi"}, lambda made: made.resource("limits", "ephemeral-storage"), "1Gi"
    ),
    "EPHEMERAL_JOB_ENV_VARS": Case({"EPHEMERAL_JOB_ENV_VARS": "GREETING=hello=you"}, _env, [("GREETING", "hello=you")]),
    "EPHEMERAL_CONFIG_LABELS": Case(
        {"EPHEMERAL_CONFIG_LABELS": "team=net"},
        lambda made: (made.job["metadata"]["labels"]["team"], made.pod["metadata"]["labels"]["team"]),
        ("net", "net"),
    ),
    "EPHEMERAL_CONFIG_POD_ANNOTATIONS": Case(
        {"EPHEMERAL_CONFIG_POD_ANNOTATIONS": "sidecar.istio.io/inject=false"},
        lambda made: made.pod["metadata"]["annotations"]["sidecar.istio.io/inject"],
        "false",
    ),
    "EPHEMERAL_CONFIG_ENVFROM_CONFIG_MAP": Case(
        {"EPHEMERAL_CONFIG_ENVFROM_CONFIG_MAP": "executor-config"}, _config_map_environment, ["executor-config"]
    ),
}
EVERYTHING = {name: value for case in CASES.values() for name, value in case.variables.items()}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the node behind the claim of the provider cache; any user of a pod may write to it."""
    folder = tmp_path_factory.mktemp("cache")
    folder.chmod(0o777)
    return folder


@pytest.fixture(scope="module")
def site(make_site: SiteMaker, cluster_api: client.ApiClient, cache: Path) -> Iterator[Site]:
    """A site with the guide's Role, in whose namespace there is what the variables name; its steps may be root."""
    root = override_settings(EPHEMERAL_ALLOW_ROOT=True)
    with root, make_site(ExecutorEphemeralSecret=SECRET, ExecutorEphemeralAllowRoot="true") as site:
        core = client.CoreV1Api(cluster_api)
        named = {name: client.V1ObjectMeta(name=name) for name in (ACCOUNT, SECRET, "tf-files", "executor-config")}
        core.create_namespaced_service_account(site.namespace, client.V1ServiceAccount(metadata=named[ACCOUNT]))
        secret = client.V1Secret(metadata=named[SECRET], string_data={"FROM_SECRET": "secret"})
        core.create_namespaced_secret(site.namespace, secret)
        for name, data in (("tf-files", {"hello.txt": "a file"}), ("executor-config", {"FROM_CONFIG_MAP": "map"})):
            core.create_namespaced_config_map(site.namespace, client.V1ConfigMap(metadata=named[name], data=data))
        volume = _bind_claim(core, site.namespace, cache)
        try:
            site.start()
            yield site
        finally:
            core.delete_persistent_volume(volume)


def _bind_claim(core: client.CoreV1Api, namespace: str, folder: Path) -> str:
    """A claim that is bound to a folder of the node; returns the name of its volume."""
    amount = {"storage": "1Gi"}
    volume = client.V1PersistentVolume(
        metadata=client.V1ObjectMeta(name=namespace),
        spec=client.V1PersistentVolumeSpec(
            capacity=amount,
            access_modes=["ReadWriteMany"],
            host_path=client.V1HostPathVolumeSource(path=str(folder)),
            claim_ref=client.V1ObjectReference(namespace=namespace, name=CLAIM),
            storage_class_name="",
        ),
    )
    claim = client.V1PersistentVolumeClaim(
        metadata=client.V1ObjectMeta(name=CLAIM),
        spec=client.V1PersistentVolumeClaimSpec(
            access_modes=["ReadWriteMany"],
            resources=client.V1VolumeResourceRequirements(requests=amount),
            volume_name=namespace,
            storage_class_name="",
        ),
    )
    core.create_persistent_volume(volume)
    core.create_namespaced_persistent_volume_claim(namespace, claim)
    return namespace


@pytest.fixture(scope="module")
def jobs(site: Site) -> dict[str, Job]:
    """A job for each case, all started at once."""
    return {name: site.job(site.workspace(environment=case.variables), NOTHING) for name, case in CASES.items()}


def made_of(cluster: Cluster, job: Job) -> Made:
    attempt = await_that(lambda: Attempt.objects.filter(step__job=job).first(), f"job {job.pk} has an attempt")
    pod = cluster.pod_of(attempt)
    return Made(cluster.job_of(attempt), pod)


def test_no_variable_is_left_out() -> None:
    assert CASES.keys() == SETTINGS.keys()


@pytest.mark.parametrize("name", CASES)
def test_a_variable_is_seen_in_the_job_and_its_pod(
    site: Site, look: Callable[[Site], Cluster], jobs: dict[str, Job], name: str
) -> None:
    case = CASES[name]
    assert case.seen(made_of(look(site), jobs[name])) == case.expected
    site.await_status(jobs[name], JobStatus.COMPLETED)


def test_without_variables_a_pod_is_hardened_and_plain(
    site: Site, look: Callable[[Site], Cluster], jobs: dict[str, Job]
) -> None:
    made = made_of(look(site), jobs[ENABLE])
    assert made.spec["automountServiceAccountToken"] is False
    assert made.spec["restartPolicy"] == "Never"
    assert made.container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert made.container["resources"] == {}
    assert _pod_security(made) == (1000, 1000, True)
    assert made.spec["nodeSelector"] == {"kubernetes.io/os": "linux"}
    labels = made.job["metadata"]["labels"]
    assert labels["terrakube.io/job"] == str(jobs[ENABLE].pk)
    assert labels["terrakube.io/workspace"] == str(jobs[ENABLE].workspace_id)


def test_a_workspace_with_all_of_them_runs(site: Site, look: Callable[[Site], Cluster], cache: Path) -> None:
    workspace = site.workspace({"main.tf": CLOCK}, environment=EVERYTHING)
    job = site.job(workspace, SHOWING)
    made = made_of(look(site), job)
    wrong = {
        name: case.seen(made)
        for name, case in CASES.items()
        # The mount path of this workspace is not the default one.
        if name != "EPHEMERAL_CONFIG_MAP_NAME" and case.seen(made) != case.expected
    }
    assert wrong == {}

    site.await_status(job, JobStatus.COMPLETED)
    log = store.read_log(Attempt.objects.get(step__job=job, step__type="terraformApply")).data.decode()
    for line in (
        "user 1001, groups 0 2000",
        "config map: a file",
        "environment: hello=you map secret",
        "account: mounted",
        "1 added",
    ):
        assert line in log
    assert list(cache.glob("registry.terraform.io/hashicorp/time/*")), "terraform did not use the cache"


def test_a_workspace_that_is_switched_off_runs_on_this_machine(site: Site, look: Callable[[Site], Cluster]) -> None:
    job = site.job(site.workspace(environment={ENABLE: "off"}), NOTHING)
    site.await_status(job, JobStatus.COMPLETED)
    assert Attempt.objects.get(step__job=job).executor == ExecutorKind.LOCAL
    assert look(site).jobs(f"terrakube.io/job={job.pk}") == []
