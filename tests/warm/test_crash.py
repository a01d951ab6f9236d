"""A worker that dies at any point of a handover: the step is launched once all the same, in one pod."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from executors.choices import AttemptState, WarmState
from executors.installation.settings import Installation
from executors.launching import launcher
from executors.models import Attempt, WarmPod
from executors.warm import records
from executors.watching.warm_pool import WarmPool
from tests.factories import WorkspaceFactory
from tests.warm.conftest import Launch, MemoryCluster, open_step
from workspaces.choices import Category
from workspaces.jobs import transitions
from workspaces.pods.catalogue import ENABLE
from workspaces.services.workspaces import set_variable

pytestmark = pytest.mark.django_db(transaction=True)
MOST_POINTS = 60


class WorkerDied(BaseException):
    """Stands for SIGKILL: nothing catches it."""


@contextmanager
def dying_at(point: int, cluster: MemoryCluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Die at the point-th statement of the database or call of the cluster: before it, and so with no answer."""
    passed: list[str] = []

    def pass_by(name: str) -> None:
        passed.append(name)
        if len(passed) == point:
            raise WorkerDied

    def statement(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        if not sql.startswith(("ROLLBACK", "RELEASE")):
            pass_by(sql)
        return execute(sql, *arguments)

    with monkeypatch.context() as patch, connection.execute_wrapper(statement):
        patch.setattr(cluster, "_call", pass_by)
        yield passed


@pytest.mark.parametrize("cancelled", [False, True], ids=["launched again", "cancelled"])
def test_a_worker_that_dies_in_a_handover(
    cancelled: bool,
    launch: Launch,
    conf: Installation,
    memory_cluster: MemoryCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = WarmPool(conf)
    launch()
    ends = set()
    for point in range(1, MOST_POINTS):
        pool.turn(memory_cluster)  # type: ignore[arg-type]
        pod = WarmPod.objects.filter(state=WarmState.STARTING).first() or WarmPod.objects.get(state=WarmState.WAITING)
        assert records.note_waiting(pod, session_hash="0" * 64, pod_name=f"{pod.job_name}-abcde")
        attempt, needs = queued_step()
        died = False
        with dying_at(point, memory_cluster, monkeypatch) as passed:
            try:
                launcher.launch_attempt(attempt, needs)
            except WorkerDied:
                died = True
        attempt = again(attempt)
        if cancelled:
            transitions.cancel(attempt.step.job_id, by="somebody")
            launcher.cancel_step(attempt.step_id)
        elif attempt.state == AttemptState.NEW:
            assert launcher.launch_due_attempt(attempt.step_id)
        pool.turn(memory_cluster)  # type: ignore[arg-type]
        ends.add(judge(again(attempt), memory_cluster))
        if not died:
            assert "patch_pod" in passed
            assert "patch_job" in passed
            assert point > len(passed), "the launch went through all points"
            break
    else:
        pytest.fail(f"a handover has more than {MOST_POINTS} points")
    assert ends == ({"nothing runs"} if cancelled else {"in the warm pod"})


@pytest.fixture
def waiting(launch: Launch, conf: Installation, memory_cluster: MemoryCluster) -> Callable[[], None]:
    """Let two warm pods wait, as a launch of their shape makes them."""

    def wait() -> None:
        launch()
        launch()
        WarmPool(conf).turn(memory_cluster)  # type: ignore[arg-type]
        for pod in WarmPod.objects.filter(state=WarmState.STARTING):
            assert records.note_waiting(pod, session_hash="0" * 64, pod_name=f"{pod.job_name}-abcde")
        assert WarmPod.objects.filter(state=WarmState.WAITING).count() == 2

    return wait


def test_two_workers_that_launch_the_same_attempt_take_one_pod(
    waiting: Callable[[], None], memory_cluster: MemoryCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting()
    attempt, needs = queued_step()
    # The second worker has read the attempt before the first one takes a pod, and goes on after that.
    late, patch_pod = again(attempt), memory_cluster.patch_pod
    late.step = attempt.step

    def patched(*arguments: Any) -> dict[str, Any]:
        monkeypatch.setattr(memory_cluster, "patch_pod", patch_pod)
        assert launcher.launch_attempt(late, needs)
        return patch_pod(*arguments)

    monkeypatch.setattr(memory_cluster, "patch_pod", patched)
    assert launcher.launch_attempt(attempt, needs)
    assert judge(again(attempt), memory_cluster) == "in the warm pod"
    assert WarmPod.objects.filter(state=WarmState.WAITING).count() == 1


def test_an_attempt_whose_job_may_exist_takes_no_warm_pod(
    waiting: Callable[[], None], memory_cluster: MemoryCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker dies between the creation of the Job and its record, and warm pods wait only then."""
    attempt, needs = queued_step()
    create_job = memory_cluster.create_job

    def created(*arguments: Any) -> dict[str, Any]:
        create_job(*arguments)
        raise WorkerDied

    with monkeypatch.context() as patch:
        patch.setattr(memory_cluster, "create_job", created)
        with pytest.raises(WorkerDied):
            launcher.launch_attempt(attempt, needs)
    waiting()
    assert launcher.launch_due_attempt(attempt.step_id)
    assert judge(again(attempt), memory_cluster) == "in a new pod"
    assert WarmPod.objects.filter(state=WarmState.WAITING).count() == 2


def queued_step() -> tuple[Attempt, launcher.Needs]:
    workspace = WorkspaceFactory.create()
    set_variable(workspace, by=None, key=ENABLE, value="true", category=Category.ENV)
    return open_step(workspace)


def again(attempt: Attempt) -> Attempt:
    return Attempt.objects.select_related("step__job").get(pk=attempt.pk)


def judge(attempt: Attempt, cluster: MemoryCluster) -> str:
    """Return where the attempt runs; at most one Job may be the attempt's, and one pod may have its token."""
    jobs = [
        name
        for name, job in cluster.jobs.items()
        if job["metadata"]["labels"].get("terrakube.io/attempt") == str(attempt.pk)
    ]
    handed = list(WarmPod.objects.filter(attempt=attempt, state=WarmState.HANDED_OVER))
    if attempt.state == AttemptState.ENDED:
        assert not WarmPod.objects.filter(attempt=attempt, state=WarmState.TAKEN).exists()
        assert jobs == []
        return "nothing runs"
    assert attempt.state == AttemptState.LAUNCHED
    assert jobs == [attempt.job_name]
    if not handed:
        assert not attempt.started_warm
        return "in a new pod"
    assert attempt.started_warm
    assert [pod.job_name for pod in handed] == [attempt.job_name]
    return "in the warm pod"
