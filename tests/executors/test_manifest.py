"""The Kubernetes Job of an attempt, whole, for each variable and setting: one folder of golden/ for each case.

variables.yaml has the step's `variables`, and where they matter the `installation`'s settings, where the `data` is,
and whether the plugin cache's claim exists; job.yaml is the Job that comes of it.
"""

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

from executors.installation import settings as conf
from executors.launching.manifest import (
    InlineData,
    SecretData,
    StepIdentity,
    data_secret_manifest,
    job_manifest,
    job_name,
    labels,
)
from workspaces.pods import SETTINGS, PodSettings, pod_settings

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path.name for path in GOLDEN.iterdir())
IDENTITY = StepIdentity(
    organization_id="c50a565f-93bc-415c-905a-773435509bb7",
    workspace_id="23a2a9db-095a-4c17-a239-af784de35ced",
    job_id=12,
    step_id="6196cecd-3e01-464c-b107-dafc4d97d93d",
    step_number=100,
    attempt_number=1,
    attempt_id="0e826a9e-54d6-4d73-92ba-5381d9da7021",
)
# The shortest settings of an installation whose pods run our own executor.
OURS = {"ExecutorEphemeralImage": "terrakube-site/executor:1.0", "ExecutorEphemeralSecret": ""}
DATA = "eyJhdHRlbXB0VXJsIjoiaHR0cDovL2FwaSJ9"


def given(case: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((GOLDEN / case / "variables.yaml").read_text())
    assert found.keys() <= {"variables", "installation", "data", "pluginCacheClaimExists", "mayChange"}
    return found


def manifest_of(case: str) -> dict[str, Any]:
    found = given(case)
    return job_manifest(
        IDENTITY,
        pod_settings(found["variables"]),
        conf.read(OURS | found.get("installation", {})),
        SecretData(secret_name="job-12-100-1") if found.get("data") == "secret" else InlineData(DATA),
        plugin_cache_claim_exists=found.get("pluginCacheClaimExists"),
        may_change=found.get("mayChange", False),
    )


@pytest.mark.parametrize("case", CASES)
def test_these_variables_give_this_job(case: str) -> None:
    assert manifest_of(case) == yaml.safe_load((GOLDEN / case / "job.yaml").read_text())


@pytest.mark.parametrize("case", CASES)
def test_the_kubernetes_client_knows_every_field(case: str) -> None:
    client.V1Job.model_validate(manifest_of(case))


@pytest.mark.parametrize("name", SETTINGS)
def test_every_variable_has_a_golden_case(name: str) -> None:
    assert any(name in given(case)["variables"] for case in CASES)


@pytest.mark.cluster
def test_the_api_server_accepts_every_job(cluster_api: client.ApiClient, cluster_namespace: str) -> None:
    batch = client.BatchV1Api(cluster_api)
    for case in CASES:
        manifest: Any = manifest_of(case)
        manifest["metadata"]["namespace"] = cluster_namespace
        _, status, headers = batch.create_namespaced_job_with_http_info(
            cluster_namespace, manifest, dry_run="All", field_validation="Strict"
        )
        assert (status, headers.get("Warning")) == (201, None), case


@pytest.mark.cluster
def test_the_api_server_accepts_the_secret_of_a_job(cluster_api: client.ApiClient, cluster_namespace: str) -> None:
    installation = conf.read(OURS | {"ExecutorEphemeralNamespace": cluster_namespace})
    secret: Any = data_secret_manifest(IDENTITY, installation, DATA, "7c1d6ff8-0000-4000-8000-000000000000")
    created = client.CoreV1Api(cluster_api).create_namespaced_secret(
        cluster_namespace, secret, field_validation="Strict", dry_run="All"
    )
    assert created.data == {"EphemeralJobData": base64.b64encode(DATA.encode()).decode()}


@pytest.mark.cluster
def test_pods_of_our_own_image_are_let_into_a_restricted_namespace(
    cluster_api: client.ApiClient, cluster_namespace: str
) -> None:
    core = client.CoreV1Api(cluster_api)
    restricted: Any = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    core.patch_namespace(cluster_namespace, restricted)
    pod: Any = {"apiVersion": "v1", "kind": "Pod", **manifest_of("nothing")["spec"]["template"]}
    pod["metadata"]["name"] = "pod"
    core.create_namespaced_pod(cluster_namespace, pod, dry_run="All")
    del pod["spec"]["containers"][0]["securityContext"]["capabilities"]
    with pytest.raises(client.ApiException, match="restricted"):
        core.create_namespaced_pod(cluster_namespace, pod, dry_run="All")


def test_a_name_tells_job_step_and_attempt() -> None:
    assert job_name(IDENTITY) == "job-12-100-1"
    assert job_name(replace(IDENTITY, job_id=7, step_number=150, attempt_number=3)) == "job-7-150-3"


def test_labels_tell_whose_pod_it_is() -> None:
    assert labels(IDENTITY) == {
        "terrakube.io/organization": IDENTITY.organization_id,
        "terrakube.io/workspace": IDENTITY.workspace_id,
        "terrakube.io/job": "12",
        "terrakube.io/step": IDENTITY.step_id,
        "terrakube.io/attempt": IDENTITY.attempt_id,
        "app.kubernetes.io/managed-by": "terrakube-site",
    }


def test_labels_of_a_workspace_replace_none_of_the_executors() -> None:
    # The grammar refuses such a label; the manifest does not rely on it.
    settings = PodSettings(labels={"terrakube.io/job": "13", "team": "net"})
    manifest = job_manifest(IDENTITY, settings, conf.read(OURS), InlineData(DATA), plugin_cache_claim_exists=None)
    assert manifest["metadata"]["labels"] == {"team": "net", **labels(IDENTITY)}


def test_job_and_pod_share_no_part_of_a_manifest() -> None:
    manifest = manifest_of("labels")
    manifest["metadata"]["labels"]["team"] = "changed"
    assert manifest["spec"]["template"]["metadata"]["labels"]["team"] == "net"
    assert manifest_of("labels")["metadata"]["labels"]["team"] == "net"


def test_a_secret_of_job_data_belongs_to_its_job_and_cannot_be_changed() -> None:
    secret = data_secret_manifest(IDENTITY, conf.read(OURS), DATA, "7c1d6ff8-0000-4000-8000-000000000000")
    assert secret == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "job-12-100-1",
            "namespace": "terrakube",
            "labels": labels(IDENTITY),
            "ownerReferences": [
                {
                    "apiVersion": "batch/v1",
                    "kind": "Job",
                    "name": "job-12-100-1",
                    "uid": "7c1d6ff8-0000-4000-8000-000000000000",
                }
            ],
        },
        "type": "Opaque",
        "immutable": True,
        "data": {"EphemeralJobData": base64.b64encode(DATA.encode()).decode()},
    }
    client.V1Secret.model_validate(secret)


def test_job_data_in_a_secret_is_nowhere_in_the_job() -> None:
    manifest = manifest_of("secret-data")
    assert DATA not in str(manifest)
    assert DATA in str(manifest_of("nothing"))
