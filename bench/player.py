"""Plays node and executor for the pods of a namespace: no container runs, and the site sees no difference.

A pod that the Job controller has made is set to Running by its status, its step is claimed and reported through the
site's endpoints, and the pod is set to Succeeded; the Job controller then completes the Job. All of it is done by some
threads of this process, whose connections are kept.
"""

from __future__ import annotations

import base64
import http.client
import json
import queue
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

from bench.kube import Kube, ObjectWatch
from executors.contract.job_data import DATA_VARIABLE, decode

SITE = "app.kubernetes.io/managed-by=terrakube-site"
"""The label selector of the site's Jobs, pods and Secrets."""
_JOB_OF_POD = "batch.kubernetes.io/job-name"
_LINE = b"Plan: 1 to add, 0 to change, 0 to destroy. \r\n"
_LOG = _LINE * 40
_PLAN = b"plan" * 1024
_NOTHING_ELSE = {"reason": "", "message": "", "peakMemoryBytes": None, "cpuSeconds": None}


@dataclass(slots=True)
class Played:
    """What was seen and done of one step's Job, as times of day (time.time); None where it has not come to that."""

    exists: float | None = None
    claimed: float | None = None
    reported: float | None = None
    succeeded: float | None = None


class Player:
    """Takes pods of the namespace to their end at once; ``steps`` are by the names of their Jobs.

    Which pods, ``selector`` says. Those of a site are executors, too; for any others a node is played and no more.
    """

    def __init__(self, kube: Kube, threads: int, selector: str = SITE) -> None:
        self._kube = kube
        self._of_site = selector == SITE
        self.steps: dict[str, Played] = {}
        self.errors: list[str] = []
        self._data: dict[str, str] = {}
        self._pods: dict[str, str] = {}
        self._lock = threading.Lock()
        self._ready: queue.SimpleQueue[tuple[str, str, str] | None] = queue.SimpleQueue()
        self._local = threading.local()
        self._threads = [threading.Thread(target=self._work, name="player", daemon=True) for _ in range(threads)]
        self._watches = [
            ObjectWatch(kube.batch.list_namespaced_job, kube.namespace, self._job_event, selector),
            ObjectWatch(kube.core.list_namespaced_secret, kube.namespace, self._secret_event, selector),
            ObjectWatch(kube.core.list_namespaced_pod, kube.namespace, self._pod_event, selector),
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        for watch in self._watches:
            watch.close()
        for _ in self._threads:
            self._ready.put(None)
        for thread in self._threads:
            thread.join()

    def _played(self, name: str) -> Played:
        return self.steps.setdefault(name, Played())

    # ---- what the cluster tells -------------------------------------------------------------------------------------

    def _job_event(self, kind: str, seen: dict[str, Any]) -> None:
        if kind == "ADDED":
            with self._lock:
                self._played(seen["metadata"]["name"]).exists = time.time()

    def _secret_event(self, kind: str, seen: dict[str, Any]) -> None:
        if kind == "ADDED" and DATA_VARIABLE in seen.get("data", {}):
            text = base64.b64decode(seen["data"][DATA_VARIABLE]).decode()
            self._note(seen["metadata"]["name"], self._data, text)

    def _pod_event(self, kind: str, seen: dict[str, Any]) -> None:
        if kind != "ADDED":
            return
        name = seen["metadata"]["labels"][_JOB_OF_POD]
        if not self._of_site:
            self._note(name, self._data, "")
        for entry in seen["spec"]["containers"][0].get("env", ()):
            if self._of_site and entry["name"] == DATA_VARIABLE and "value" in entry:
                self._note(name, self._data, entry["value"])
        self._note(name, self._pods, seen["metadata"]["name"])

    def _note(self, name: str, known: dict[str, str], value: str) -> None:
        """Note a Job's pod or the text for it; with both, its step can begin."""
        with self._lock:
            known[name] = value
            if name in self._data and name in self._pods:
                self._ready.put((name, self._pods.pop(name), self._data.pop(name)))

    # ---- node and executor ------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (taken := self._ready.get()) is not None:
            name, pod, text = taken
            try:
                self._run(name, pod, text)
            except Exception as error:
                self.errors.append(f"{name}: {type(error).__name__}: {error}")

    def _run(self, name: str, pod: str, text: str) -> None:
        with self._lock:
            played = self._played(name)
        set_running(self._kube, pod)
        if self._of_site:
            self._execute(played, text, plans=name.split("-")[2] == "100", pod=pod)
        set_succeeded(self._kube, pod)
        played.succeeded = time.time()

    def _execute(self, played: Played, text: str, *, plans: bool, pod: str) -> None:
        payload = decode(text)
        address, session = payload.attempt_url or "", secrets.token_urlsafe(33)
        agent = {"version": "bench", "host": pod, "pid": 1}
        self._post(address, "/claim", payload.attempt_token or "", {"session": session, "agent": agent})
        played.claimed = time.time()
        self._post(address, "/heartbeat", session, {"phase": "plan" if plans else "apply", "commitId": None})
        self._call("POST", address, "/logs?offset=0&behind=0", session, _LOG, "application/octet-stream")
        if plans:
            self._call("PUT", address, "/plan-file", session, _PLAN, "application/octet-stream")
        result = {
            "outcome": "succeeded",
            "exitCode": 0,
            "changes": True if plans else None,
            "reason": "",
            "message": "",
        }
        played.reported = time.time()
        measured = {"logSize": len(_LOG), "peakMemoryBytes": None, "cpuSeconds": None}
        self._post(address, "/result", session, {**result, **measured})

    def _post(self, address: str, path: str, token: str, content: Mapping[str, Any]) -> None:
        self._call("POST", address, path, token, json.dumps(content).encode(), "application/json")

    def _call(self, method: str, address: str, path: str, token: str, body: bytes, content_type: str) -> None:
        parts = urlsplit(address)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": content_type, "Accept": "*/*"}
        try:
            status, text = self._exchange(method, parts, path, body, headers)
        except (ConnectionError, http.client.HTTPException):
            # The site closes a connection that was not used for some seconds.
            self._local.connection.close()
            self._local.connection = None
            status, text = self._exchange(method, parts, path, body, headers)
        if not 200 <= status < 300:
            raise RuntimeError(f"{method} {path} was answered {status}: {text[:200].decode(errors='replace')}")

    def _exchange(
        self, method: str, parts: SplitResult, path: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=60)
            self._local.connection = connection
        connection.request(method, parts.path + path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def set_running(kube: Kube, pod: str) -> None:
    """Say of a pod what a kubelet says when its container runs."""
    now = _now()
    container = {"ready": True, "started": True, "state": {"running": {"startedAt": now}}}
    _set_status(kube, pod, {"phase": "Running", "startTime": now}, container)


def set_succeeded(kube: Kube, pod: str) -> None:
    now = _now()
    ended = {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}
    _set_status(kube, pod, {"phase": "Succeeded"}, {"ready": False, "started": False, "state": {"terminated": ended}})


def _set_status(kube: Kube, pod: str, status: dict[str, Any], container: dict[str, Any]) -> None:
    whole = {"name": "executor", "image": "bench", "imageID": "", "restartCount": 0, **container}
    body = {"status": {**status, "containerStatuses": [whole]}}
    kube.core.patch_namespaced_pod_status(pod, kube.namespace, body, _preload_content=False)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
