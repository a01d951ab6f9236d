"""The preview's question to a real cluster: a dry run, answered in the cluster's own words."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from kubernetes import client

from executors import cluster
from executors.installation.settings import installation
from tests.factories import VariableFactory
from tests.spine import rights
from tests.support.patience import patient
from workspaces.models import Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.cluster]


@pytest.fixture
def namespace(cluster_namespace: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The namespace of the installation's Jobs for this test."""
    monkeypatch.setenv("ExecutorEphemeralNamespace", cluster_namespace)
    monkeypatch.setenv("ExecutorEphemeralSecret", "")
    installation.cache_clear()
    yield cluster_namespace
    installation.cache_clear()


def ask(admin: Client, workspace: Workspace) -> str:
    page = admin.post(reverse("admin:workspaces_workspace_preview", args=[workspace.pk]), {"type": "terraformPlan"})
    assert page.status_code == 200
    return str(page.context["answer"].text)


def test_a_job_that_the_cluster_would_take_is_not_created(
    namespace: str, cluster_api: client.ApiClient, workspace: Workspace, admin: Client
) -> None:
    VariableFactory.create(
        workspace=workspace, key="EPHEMERAL_CONFIG_TOLERATIONS", value="dedicated=tf:Equal:NoSchedule"
    )
    assert ask(admin, workspace) == f"The cluster would accept this Job in namespace {namespace}."
    assert client.BatchV1Api(cluster_api).list_namespaced_job(namespace).items == []


def test_a_quota_is_said_in_the_clusters_words(
    namespace: str, cluster_api: client.ApiClient, workspace: Workspace, admin: Client
) -> None:
    quota = client.V1ResourceQuota(
        metadata=client.V1ObjectMeta(name="no-jobs"), spec=client.V1ResourceQuotaSpec(hard={"count/jobs.batch": "0"})
    )
    client.CoreV1Api(cluster_api).create_namespaced_resource_quota(namespace, quota)
    assert "exceeded quota: no-jobs" in _until(lambda: ask(admin, workspace), "exceeded quota")


def _until(look: Callable[[], str], part: str) -> str:
    """Look again until the cluster has taken notice of what was just made."""
    text = ""
    for _ in range(int(patient(40))):
        text = look()
        if part in text:
            break
        time.sleep(0.25)
    return text


def test_what_the_pod_needs_is_looked_for(
    namespace: str, cluster_api: client.ApiClient, workspace: Workspace, admin: Client
) -> None:
    core = client.CoreV1Api(cluster_api)
    there = client.V1ObjectMeta(name="tf-files")
    core.create_namespaced_config_map(namespace, client.V1ConfigMap(metadata=there))
    for key, value in (
        ("EPHEMERAL_CONFIG_MAP_NAME", "tf-files"),
        ("EPHEMERAL_CONFIG_ENVFROM_CONFIG_MAP", "nowhere"),
        ("EPHEMERAL_CONFIG_SERVICE_ACCOUNT", "default"),
        ("EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS", "disk=quantum"),
    ):
        VariableFactory.create(workspace=workspace, key=key, value=value)
    address = reverse("admin:workspaces_workspace_preview", args=[workspace.pk])
    shown = admin.get(address).context["needs"]
    assert {need.found for need in shown} == {None}, "a page that is looked at asks nothing"
    page = admin.post(address, {"type": "terraformPlan"})
    found = {(need.kind, need.name): need.found for need in page.context["needs"]}
    assert found[("ConfigMap", "tf-files")] is True
    assert found[("ConfigMap", "nowhere")] is False
    assert found[("ServiceAccount", "default")] is True
    assert "missing" in page.content.decode()
    assert page.context["answer"].text == (
        f"The cluster would accept this Job in namespace {namespace}, but its pod would not start. "
        "Missing: ConfigMap nowhere, Node kubernetes.io/os=linux,disk=quantum."
    )
    assert "tk-note-good" not in page.content.decode()


@pytest.fixture
def guides_account(
    namespace: str, cluster_api: client.ApiClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The site reaches the cluster by the guide's service account, with its Role on Jobs and no other right."""
    path = rights.kubeconfig(cluster_api, namespace, tmp_path, rights.guide_objects())
    # The client package reads KUBECONFIG when it is imported.
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(path))
    cluster.forget()
    yield
    cluster.forget()


@pytest.mark.usefixtures("guides_account")
def test_where_the_sites_account_may_not_look_the_right_that_it_lacks_is_named(
    namespace: str, workspace: Workspace, admin: Client
) -> None:
    VariableFactory.create(workspace=workspace, key="EPHEMERAL_CONFIG_MAP_NAME", value="tf-files")
    address = reverse("admin:workspaces_workspace_preview", args=[workspace.pk])
    page = admin.post(address, {"type": "terraformPlan"})
    assert page.context["answer"].text == f"The cluster would accept this Job in namespace {namespace}."
    (need,) = (need for need in page.context["needs"] if need.kind == "ConfigMap")
    assert (need.found, need.lacking) == (None, f"get configmaps in namespace {namespace}")
    assert f"service account lacks the right to {need.lacking}." in page.content.decode()


def test_a_namespace_that_is_not_there_is_said(
    workspace: Workspace, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ExecutorEphemeralNamespace", "nowhere")
    installation.cache_clear()
    try:
        assert 'namespaces "nowhere" not found' in ask(admin, workspace)
    finally:
        installation.cache_clear()
