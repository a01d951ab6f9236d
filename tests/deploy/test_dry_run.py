"""Whether a real API server would take every object of the chart."""

import subprocess
from pathlib import Path

import pytest
import yaml
from kubernetes import client

from tests.deploy.chart import DATABASE, DEPLOY, VALUES, Object, Values, render
from tests.support.patience import patient

pytestmark = [pytest.mark.cluster, pytest.mark.helm]

FULL: Values = {
    "api": {
        "serviceAccountName": "terrakube-api-service-account",
        "ephemeralExecution": {"enabled": True},
        "autoscaling": {"enabled": True},
    },
    "worker": {"autoscaling": {"enabled": True}},
    "ingress": {"enabled": True, "host": "terrakube.example.com", "tlsSecretName": "terrakube-tls"},
}
CASES: dict[str, tuple[tuple[Values, ...], tuple[Path, ...]]] = {
    "full": ((DATABASE, FULL), ()),
    "trial": (({"trial": {"enabled": True}},), ()),
    "every value": ((), (VALUES / "every.yaml",)),
    "the guide, automatic": ((DATABASE,), (VALUES / "guide-automatic.yaml",)),
    "the guide, manual": ((DATABASE,), (VALUES / "guide-manual.yaml",)),
}


def refused(objects: list[Object], namespace: str) -> str:
    """What the API server says against the objects; nothing when it would take them all, unknown fields included."""
    for each in objects:
        each["metadata"]["namespace"] = namespace
        for subject in each.get("subjects", []):
            subject["namespace"] = namespace
    answer = subprocess.run(
        ["kubectl", "apply", "--dry-run=server", "--validate=strict", "--namespace", namespace, "--filename", "-"],
        input=yaml.safe_dump_all(objects),
        capture_output=True,
        text=True,
        timeout=patient(60),
    )
    said = answer.stdout.count("(server dry run)")
    assert answer.returncode != 0 or said == len(objects), answer.stdout
    return answer.stderr if answer.returncode else ""


@pytest.mark.parametrize("name", CASES)
def test_the_api_server_would_take_every_object(
    cluster_api: client.ApiClient, cluster_namespace: str, name: str
) -> None:
    values, files = CASES[name]
    # A pod is refused while its account is not there, and a dry run makes none.
    account = client.V1ObjectMeta(name="terrakube-api-service-account")
    client.CoreV1Api(cluster_api).create_namespaced_service_account(
        cluster_namespace, client.V1ServiceAccount(metadata=account)
    )
    assert refused(render(*values, files=files), cluster_namespace) == ""


def test_the_api_server_would_take_the_manifest_for_installations_without_helm(cluster_namespace: str) -> None:
    objects = list(yaml.safe_load_all((DEPLOY / "rbac.yaml").read_text(encoding="utf-8")))
    assert refused(objects, cluster_namespace) == ""


def test_the_api_server_is_asked(cluster_namespace: str) -> None:
    objects = render(DATABASE)
    objects[0]["spec"]["misspelt"] = True
    assert "misspelt" in refused(objects, cluster_namespace)
