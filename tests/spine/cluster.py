"""What an administrator sees of the step Jobs in the cluster; the site itself sees less."""

from __future__ import annotations

import base64
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from executors.models import Attempt
from tests.spine.waiting import await_that
from workspaces.models import Job

type Object = dict[str, Any]

TOO_LARGE = {"EPHEMERAL_CPU_REQUEST": "1000"}
"""Settings of a pod that fits on no node, so that it waits until ``Cluster.shrink_pod`` lets the scheduler bind it.

A label that the node gets later does not do: the scheduler may know it before the kubelet does, which then refuses the
pod. What a pod requests is part of the pod itself.
"""


class Cluster:
    """One namespace, read with an administrator's rights."""

    def __init__(self, api: client.ApiClient, namespace: str) -> None:
        self.core = client.CoreV1Api(api)
        self.batch = client.BatchV1Api(api)
        self.namespace = namespace

    def jobs(self, selector: str = "") -> list[Object]:
        return self._items(self.batch.list_namespaced_job, selector)

    def pods(self, selector: str = "") -> list[Object]:
        return self._items(self.core.list_namespaced_pod, selector)

    def secrets(self) -> list[Object]:
        return self._items(self.core.list_namespaced_secret, "")

    def events(self) -> list[Object]:
        return self._items(self.core.list_namespaced_event, "")

    def _items(self, method: Any, selector: str) -> list[Object]:
        answer = method(self.namespace, label_selector=selector, _preload_content=False)
        items: list[Object] = json.loads(answer.data)["items"]
        return items

    def pods_of(self, job: Job) -> list[Object]:
        """The pods of a job, in the order in which they were made."""
        found = self.pods(f"terrakube.io/job={job.pk}")
        return sorted(found, key=lambda pod: pod["metadata"]["creationTimestamp"])

    def job_of(self, attempt: Attempt) -> Object:
        (found,) = self.jobs(f"terrakube.io/attempt={attempt.pk}")
        return found

    def pod_of(self, attempt: Attempt) -> Object:
        """The one pod of an attempt; waits for it."""
        (found,) = await_that(
            lambda: self.pods(f"terrakube.io/attempt={attempt.pk}"), f"attempt {attempt.pk} has a pod", 20
        )
        return found

    def await_running(self, attempt: Attempt) -> Object:
        """The pod of an attempt as soon as its container runs."""

        def running() -> Object | None:
            pod = self.pod_of(attempt)
            states = [status.get("state", {}) for status in pod["status"].get("containerStatuses", [])]
            if states and "running" in states[0]:
                return pod
            if pod["status"].get("phase") in ("Succeeded", "Failed"):
                pytest.fail(f"the container of attempt {attempt.pk} will not run: {pod['status']}")
            return None

        return await_that(running, f"the container of attempt {attempt.pk} runs", 30)

    def log(self, pod: Object) -> str:
        return self.core.read_namespaced_pod_log(pod["metadata"]["name"], self.namespace)

    def exit_code(self, name: str, seconds: float = 40) -> int:
        """The exit code of a pod's container; waits for its end."""

        def ended() -> client.V1ContainerStateTerminated | None:
            status = self.core.read_namespaced_pod(name, self.namespace).status
            assert status is not None
            states = [each.state for each in status.container_statuses or []]
            if states and states[0] and states[0].terminated:
                return states[0].terminated
            if status.phase == "Failed":
                pytest.fail(f"pod {name} failed and its container never ran: {status.reason}: {status.message}")
            return None

        return await_that(ended, f"the container of pod {name} has ended", seconds).exit_code

    def create_pod(self, pod: Object) -> None:
        self.core.create_namespaced_pod(self.namespace, pod)  # type: ignore[arg-type]

    def shrink_pod(self, pod: Object) -> None:
        """Let the scheduler bind a pod that was ``TOO_LARGE``."""
        containers = [
            {"name": one["name"], "resources": {"requests": {"cpu": "1m"}}} for one in pod["spec"]["containers"]
        ]
        body = {"spec": {"containers": containers}}
        self.core.patch_namespaced_pod_resize(pod["metadata"]["name"], self.namespace, body)

    def delete_pod_now(self, pod: Object) -> None:
        """As ``kubectl delete pod --grace-period=0 --force``."""
        self.core.delete_namespaced_pod(pod["metadata"]["name"], self.namespace, grace_period_seconds=0)


def processes_of(pod: Object) -> list[Path]:
    """The /proc folders of a pod's processes; the node is this machine. The sandbox's own process is not among them."""
    return list(_processes(pod["metadata"]["uid"]))


def _processes(uid: str) -> Iterator[Path]:
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            # Written with dashes or with underscores, by the cgroup driver.
            if uid in (folder / "cgroup").read_text().replace("_", "-") and arguments(folder) != ["/pause"]:
                yield folder
        except OSError:
            continue


def arguments(process: Path) -> list[str]:
    return (process / "cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")


def environment(process: Path) -> dict[str, str]:
    entries = (process / "environ").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    return {name: value for name, _, value in (entry.partition("=") for entry in entries)}


def kill_container(pod: Object) -> None:
    """SIGKILL to the executor of a pod, which is the first process of its container."""
    for process in processes_of(pod):
        if "executors.agent" in arguments(process):
            os.kill(int(process.name), signal.SIGKILL)
            return
    raise AssertionError(f"pod {pod['metadata']['name']} has no process of the executor")


def decoded(text: str) -> Object:
    """EphemeralJobData as the object that it stands for."""
    found: Object = json.loads(base64.b64decode(text))
    return found
