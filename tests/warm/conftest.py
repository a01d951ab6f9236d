"""A cluster in memory that keeps Jobs and Secrets, and changes their labels; and steps that are launched into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from executors import cluster
from executors.cluster import AlreadyExists, ClusterError
from executors.installation.settings import Installation, installation
from executors.launching import kubernetes_job, launcher
from executors.models import Attempt
from tests.factories import PLAN, WorkspaceFactory
from workspaces.choices import Category
from workspaces.jobs import transitions
from workspaces.models import Workspace
from workspaces.pods.catalogue import ENABLE
from workspaces.services import jobs
from workspaces.services.workspaces import set_variable


@dataclass
class MemoryCluster:
    """Jobs and Secrets by name. ``fail`` has the error that a call of that name raises."""

    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    secrets: dict[str, dict[str, Any]] = field(default_factory=dict)
    pod_labels: dict[str, dict[str, str]] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    fail: dict[str, ClusterError] = field(default_factory=dict)
    closed: bool = False
    leaving: set[str] = field(default_factory=set)
    """Pods that are being deleted."""
    conditions: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    """Those of a pod, by its name."""
    forbidden: frozenset[tuple[str, str]] = frozenset()

    def _call(self, name: str) -> None:
        if name in self.fail:
            raise self.fail[name]

    def close(self) -> None:
        self.closed = True

    def may(self, verb: str, resource: str, namespace: str, **more: str) -> bool:
        return (verb, resource) not in self.forbidden

    def create_job(self, namespace: str, body: dict[str, Any]) -> dict[str, Any]:
        self._call("create_job")
        name = body["metadata"]["name"]
        if name in self.jobs:
            raise AlreadyExists("exists", status=409)
        self.jobs[name] = body
        body["metadata"]["uid"] = f"uid-of-{name}"
        return body

    def create_secret(self, namespace: str, body: dict[str, Any]) -> None:
        self._call("create_secret")
        self.secrets[body["metadata"]["name"]] = body

    def read_job(self, namespace: str, name: str) -> dict[str, Any] | None:
        return self.jobs.get(name)

    def list_jobs(self, namespace: str, selector: str) -> tuple[list[dict[str, Any]], str]:
        self._call("list_jobs")
        wanted = dict(part.split("=") for part in selector.split(","))
        found = [body for body in self.jobs.values() if wanted.items() <= body["metadata"]["labels"].items()]
        return [body for body in found if body["metadata"].get("namespace", namespace) == namespace], ""

    def delete_job(self, namespace: str, name: str) -> bool:
        self._call("delete_job")
        self.deleted.append(name)
        return self.jobs.pop(name, None) is not None

    def patch_pod(self, namespace: str, name: str, changes: dict[str, Any]) -> dict[str, Any]:
        self._call("patch_pod")
        self.pod_labels.setdefault(name, {}).update(changes["metadata"]["labels"])
        return {
            "metadata": {"deletionTimestamp": "2027-01-01T00:00:00Z"} if name in self.leaving else {},
            "status": {"conditions": self.conditions.get(name, [])},
        }

    def patch_job(self, namespace: str, name: str, changes: dict[str, Any]) -> dict[str, Any]:
        self._call("patch_job")
        if name not in self.jobs:
            raise ClusterError("not found", status=404)
        job = self.jobs[name]
        job["metadata"]["labels"].update(changes["metadata"]["labels"])
        job["metadata"].setdefault("annotations", {}).update(changes["metadata"].get("annotations", {}))
        job["spec"].update(changes["spec"])
        return job


@pytest.fixture
def conf(monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """An installation with a pool of two warm pods."""
    for name, value in {
        "AzBuilderApiUrl": "https://site.example",
        "ExecutorEphemeralImage": "registry.example/terrakube-site-executor:1",
        "ExecutorEphemeralSecret": "",
        "ExecutorWarmPods": "2",
    }.items():
        monkeypatch.setenv(name, value)
    installation.cache_clear()
    kubernetes_job._may_create_secrets.clear()
    yield installation()
    installation.cache_clear()
    kubernetes_job._may_create_secrets.clear()


@pytest.fixture
def memory_cluster(monkeypatch: pytest.MonkeyPatch, conf: Installation) -> MemoryCluster:
    found = MemoryCluster()
    monkeypatch.setattr(cluster, "connect", lambda: found)
    monkeypatch.setattr("workspaces.task_queue.client.async_task", lambda *task, **options: None)
    return found


type Launch = Callable[..., Attempt]


@pytest.fixture
def launch(memory_cluster: MemoryCluster) -> Launch:
    """Launch a step of a job on a new workspace with pods; return its attempt."""

    def launched(*, tcl: str = PLAN, on: Workspace | None = None, **settings: str) -> Attempt:
        workspace = on or WorkspaceFactory.create()
        for key, value in {ENABLE: "true", **settings}.items():
            set_variable(workspace, by=None, key=key, value=value, category=Category.ENV)
        opened = open_step(workspace, tcl)
        launcher.launch_attempt(*opened)
        return Attempt.objects.select_related("step__job").get(pk=opened[0].pk)

    return launched


def open_step(workspace: Workspace, tcl: str = PLAN) -> tuple[Attempt, launcher.Needs]:
    """Queue the first step of a new job; return its attempt, which is not launched."""
    job = jobs.create_job(workspace, by=None, tcl=tcl)
    opened = transitions.hand_over(job.pk, to=launcher.open_first_attempt)
    assert opened is not None
    return opened
