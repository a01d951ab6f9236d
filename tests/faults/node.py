"""The programs of the cluster's one node, which is this machine: stopped, and gone on with."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kubernetes import client

from tests.spine.waiting import await_that
from tests.support.cluster import api_error

UP_SECONDS = 120


def _pid(name: str) -> int:
    return int((Path(os.environ["TEST_NODE_HOME"]) / f"{name}.pid").read_text())


@contextmanager
def without(name: str) -> Iterator[None]:
    """One program of the cluster is killed meanwhile; what starts the cluster starts it again."""
    os.kill(_pid(name), signal.SIGKILL)
    try:
        yield
    finally:
        subprocess.run(os.environ["TEST_NODE_UP"], shell=True, check=True, capture_output=True, timeout=UP_SECONDS)  # noqa: S602
        await_that(lambda: not api_error(), "the API server answers", UP_SECONDS)


@contextmanager
def frozen(name: str) -> Iterator[None]:
    """One program of the cluster stands still meanwhile."""
    pid = _pid(name)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def await_ready(api: client.ApiClient, status: str, seconds: float = 90) -> None:
    """Wait until the cluster says of its node that it is ready (True), or is not heard of (Unknown).

    Its taint comes and goes some seconds after that, and is what the scheduler goes by.
    """
    core = client.CoreV1Api(api)

    def said() -> bool:
        (node,) = core.list_node().items
        conditions = (node.status and node.status.conditions) or []
        taints = (node.spec and node.spec.taints) or []
        tainted = any(taint.key.startswith("node.kubernetes.io/") and taint.effect == "NoSchedule" for taint in taints)
        told = any(one.type == "Ready" and one.status == status for one in conditions)
        return told and tainted == (status != "True")

    await_that(said, f"the node's Ready is {status}", seconds)


def kubectl(*arguments: str) -> str:
    """As an administrator of the cluster."""
    return subprocess.run(["kubectl", *arguments], check=True, capture_output=True, text=True).stdout
