"""A real Kubernetes cluster for tests: a namespace for each, and what its pods said when one fails."""

import json
import os
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
import urllib3
from kubernetes import client, config

from tests.support.patience import patient

NAMESPACE_LABELS = {"terrakube.io/test": "true"}
LOG_LINES = 60
MOST_EVENTS, MOST_PODS = 200, 20
"""What a person can still read of a namespace that is full."""


def connect() -> client.ApiClient:
    """Return the administrator's connection to the cluster of KUBECONFIG, to be closed."""
    configuration = client.Configuration()
    config.load_kube_config(config_file=os.environ["KUBECONFIG"], client_configuration=configuration)
    return client.ApiClient(configuration)


def api_error() -> str:
    """Return why the API server of KUBECONFIG does not answer, or an empty text when it does."""
    try:
        with connect() as api:
            client.VersionApi(api).get_code(_request_timeout=patient(5))
    except (config.ConfigException, client.ApiException, urllib3.exceptions.HTTPError, OSError) as error:
        return f"the cluster of KUBECONFIG does not answer: {type(error).__name__}"
    return ""


@pytest.fixture(scope="session")
def cluster_api() -> Iterator[client.ApiClient]:
    """Give the administrator's connection to the cluster of KUBECONFIG."""
    with connect() as api:
        yield api


@pytest.fixture(scope="session")
def kube_host() -> str:
    """Give the address at which a pod reaches this machine."""
    return os.environ["KUBE_HOST"]


@contextmanager
def fresh_namespace(api: client.ApiClient) -> Iterator[str]:
    """Give the name of a fresh namespace, which is deleted with all that is in it in the end."""
    core = client.CoreV1Api(api)
    name = f"test-{uuid4().hex[:10]}"
    core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name, labels=NAMESPACE_LABELS)))
    try:
        _await_default_service_account(core, name)
        yield name
    finally:
        core.delete_namespace(name)
        # Not to wait out the grace period of pods that nobody looks at any more.
        core.delete_collection_namespaced_pod(name, grace_period_seconds=0)


@pytest.fixture
def cluster_namespace(cluster_api: client.ApiClient) -> Iterator[str]:
    """Give the name of a fresh namespace, which is deleted with all that is in it after the test."""
    with fresh_namespace(cluster_api) as name:
        yield name


def _await_default_service_account(core: client.CoreV1Api, namespace: str) -> None:
    """Wait until pods are admitted to a new namespace: before it has this account they are refused."""
    for _ in range(int(patient(500))):
        try:
            core.read_namespaced_service_account("default", namespace)
        except client.ApiException as error:
            if error.status != 404:
                raise
            time.sleep(0.02)
        else:
            return
    pytest.fail(f"namespace {namespace} has no default service account")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the namespace's events and the logs of its pods to the report of a test that failed."""
    report = yield
    funcargs = getattr(item, "funcargs", {})
    if report.when == "call" and report.failed and "cluster_namespace" in funcargs:
        try:
            text = evidence(client.CoreV1Api(funcargs["cluster_api"]), funcargs["cluster_namespace"])
        except (client.ApiException, urllib3.exceptions.HTTPError) as error:
            text = f"could not be read: {error}"
        report.sections.append(("events and pods of the test's namespace", text))
    return report


def evidence(core: client.CoreV1Api, namespace: str) -> str:
    """Return the events of a namespace and what its pods say, to be read by people."""
    lines = []
    for event in _items(core.list_namespaced_event(namespace, _preload_content=False))[-MOST_EVENTS:]:
        about = event["involvedObject"]
        lines.append(f"{about.get('kind')} {about.get('name')}: {event.get('reason')}: {event.get('message')}")
    for pod in _items(core.list_namespaced_pod(namespace, _preload_content=False))[-MOST_PODS:]:
        name = pod["metadata"]["name"]
        lines.append(f"--- pod {name}: {pod['status'].get('phase')}")
        for container in pod["spec"]["containers"]:
            try:
                log = core.read_namespaced_pod_log(name, namespace, container=container["name"], tail_lines=LOG_LINES)
            except client.ApiException as error:
                log = f"no log: {error.status} {error.reason}"
            lines += [f"[{container['name']}]", (log or "").rstrip()]
    return "\n".join(lines) or "no events and no pods"


def _items(answer: Any) -> list[dict[str, Any]]:
    """Return the items of a list as the API server wrote them."""
    items: list[dict[str, Any]] = json.loads(answer.data)["items"]
    return items
