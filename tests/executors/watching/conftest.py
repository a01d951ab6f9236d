"""Attempts in every state, a cluster in memory for what a real one can't be made to do, and what was queued."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import models
from django.utils import timezone

from executors import cluster
from executors.attempts import lifecycle
from executors.choices import AttemptState, ExecutorKind
from executors.cluster import ClusterError
from executors.installation.settings import Installation, installation
from executors.models import Attempt
from executors.watching.snapshot import ClusterSnapshot
from executors.watching.sweep import Sweep
from tests.executors.watching.recorded_states import recorded
from tests.factories import PLAN_AND_APPLY, WorkspaceFactory
from workspaces.jobs import transitions
from workspaces.models import Workspace
from workspaces.services import jobs

SESSION = "s" * 43


@dataclass
class MemoryCluster:
    """Jobs and pods that tests put there; a deleted Job leaves only when a test says that its pods have."""

    namespace: str
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    pods: dict[str, list[dict[str, Any]]] | None = field(default_factory=dict)
    unseen: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Pods of which the watch has heard nothing."""
    deleted: list[str] = field(default_factory=list)
    words: str | None = None
    """What every pod said; None: it may not be read."""

    def put(self, attempt: Attempt, name: str) -> None:
        """Let the attempt's Job and pod be in a recorded state."""
        state = recorded(name)
        assert state.job is not None
        for one in (state.job, *state.pods):
            one["metadata"]["labels"]["terrakube.io/attempt"] = str(attempt.pk)
            one["metadata"]["namespace"] = self.namespace
        state.job["metadata"]["name"] = attempt.job_name
        self.jobs[str(attempt.pk)] = state.job
        if self.pods is not None:
            self.pods[str(attempt.pk)] = state.pods

    def pods_of(self, attempt: Attempt) -> list[dict[str, Any]]:
        return (self.pods or {})[str(attempt.pk)]

    def remove(self, attempt: Attempt) -> None:
        self.jobs.pop(str(attempt.pk), None)
        if self.pods is not None:
            self.pods.pop(str(attempt.pk), None)

    def snapshot(self) -> ClusterSnapshot:
        return ClusterSnapshot(
            namespace=self.namespace, jobs=dict(self.jobs), pods=None if self.pods is None else dict(self.pods)
        )

    def read_job(self, namespace: str, name: str) -> dict[str, Any] | None:
        return next((job for job in self.jobs.values() if job["metadata"]["name"] == name), None)

    def list_pods(self, namespace: str, selector: str) -> tuple[list[dict[str, Any]], str]:
        assert self.pods is not None
        attempt_id = selector.removeprefix("terrakube.io/attempt=")
        return [*self.pods.get(attempt_id, ()), *self.unseen.get(attempt_id, ())], "1"

    def delete_job(self, namespace: str, name: str) -> bool:
        job = self.read_job(namespace, name)
        self.deleted.append(name)
        if job is None:
            return False
        job["metadata"]["deletionTimestamp"] = timezone.now().isoformat()
        return True

    def pod_log(self, namespace: str, name: str, *, container: str, tail_lines: int) -> str:
        if self.words is None:
            raise ClusterError("pods/log is forbidden", status=403)
        return self.words

    def may(self, verb: str, resource: str, namespace: str, *, group: str = "") -> bool:
        return False


@pytest.fixture
def conf(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Installation]:
    """The installation's settings, with its work folders in the test's own folder."""
    monkeypatch.setenv("ExecutorLocalWorkDir", str(tmp_path))
    installation.cache_clear()
    yield installation()
    installation.cache_clear()


@pytest.fixture
def memory_cluster(monkeypatch: pytest.MonkeyPatch, conf: Installation) -> MemoryCluster:
    found = MemoryCluster(conf.namespace)
    monkeypatch.setattr(cluster, "connect", lambda: found)
    return found


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was handed to the task runner."""
    found: list[tuple[Any, ...]] = []
    monkeypatch.setattr("workspaces.task_queue.client.async_task", lambda *task, **options: found.append(task))
    return found


@pytest.fixture
def workspace() -> Workspace:
    return WorkspaceFactory.create()


type Make = Callable[..., Attempt]


@pytest.fixture
def make(workspace: Workspace, conf: Installation) -> Make:
    """Make an attempt in a state, launched so many seconds ago."""

    def made(
        state: AttemptState = AttemptState.LAUNCHED,
        *,
        tcl: str = PLAN_AND_APPLY,
        seconds: float = 30,
        on: Workspace | None = None,
        executor: ExecutorKind = ExecutorKind.KUBERNETES,
        **where: Any,
    ) -> Attempt:
        job = jobs.create_job(on or workspace, by=None, tcl=tcl)
        step_id = transitions.advance(job.pk)
        assert step_id is not None
        attempt = lifecycle.open_attempt(step_id, executor=executor)
        assert attempt is not None
        if state != AttemptState.NEW:
            lifecycle.mark_launched(attempt, **(where or {"namespace": conf.namespace}))
        if state in {AttemptState.CLAIMED, AttemptState.INTERRUPTING}:
            lifecycle.claim_attempt(attempt, SESSION)
        if state == AttemptState.INTERRUPTING:
            transitions.cancel(job.pk, by="somebody")
            lifecycle.request_cancel(step_id)
        shift(attempt, seconds)
        return Attempt.objects.select_related("step__job").get(pk=attempt.pk)

    return made


def shift(attempt: Attempt, seconds: float) -> None:
    """Let all that happened to an attempt, its step and its job have happened earlier."""
    earlier = dt.timedelta(seconds=seconds)
    stored = Attempt.objects.select_related("step__job").get(pk=attempt.pk)
    _shift(
        stored,
        earlier,
        "created_at not_before launched_at claimed_at heartbeat_at cancelled_at ended_at missing_since",
    )
    _shift(stored.step, earlier, "queued_at started_at ended_at")
    _shift(stored.step.job, earlier, "updated_date started_at")


def _shift(record: models.Model, earlier: dt.timedelta, names: str) -> None:
    times = {name: getattr(record, name) - earlier for name in names.split() if getattr(record, name) is not None}
    type(record)._base_manager.filter(pk=record.pk).update(**times)


@pytest.fixture
def sweep(conf: Installation) -> Sweep:
    return Sweep(conf)


type Run = Callable[[], None]


@pytest.fixture
def run(
    sweep: Sweep,
    memory_cluster: MemoryCluster,
    queued: list[tuple[Any, ...]],
    django_capture_on_commit_callbacks: Any,
) -> Run:
    """Make one pass, with what it queues."""

    def once() -> None:
        with django_capture_on_commit_callbacks(execute=True):
            sweep.run(memory_cluster.snapshot(), memory_cluster)  # type: ignore[arg-type]

    return once
