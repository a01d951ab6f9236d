"""The cluster beside the site: a namespace, bare Jobs, and a watch that notes when each Job was seen."""

from __future__ import annotations

import base64
import copy
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import urllib3
from kubernetes import client, config

WAIT_SECONDS = 30.0
_BARE_LABELS = {"terrakube.io/bench": "bare"}
BARE = "terrakube.io/bench=bare"
"""The label selector of bare Jobs and their pods."""


class Kube:
    """Calls of the administrator of KUBECONFIG in the bench's own namespace, through the package that the site uses."""

    def __init__(self, namespace: str, threads: int) -> None:
        configuration = client.Configuration()
        config.load_kube_config(client_configuration=configuration)
        configuration.connection_pool_maxsize = threads + 4
        self.namespace = namespace
        api = client.ApiClient(configuration)
        # Used with dicts and raw answers throughout, which the package's types don't know.
        self.batch: Any = client.BatchV1Api(api)
        self.core: Any = client.CoreV1Api(api)

    def create(self, manifest: dict[str, Any]) -> None:
        """Create a Job as the site does: a dict in, the answer as JSON, the server's strict validation."""
        answer = self.batch.create_namespaced_job(
            self.namespace, manifest, field_validation="Strict", _preload_content=False
        )
        json.loads(answer.data)

    def read_namespace(self) -> None:
        self.core.read_namespace(self.namespace, _preload_content=False)

    def read(self, name: str) -> dict[str, Any]:
        answer = self.batch.read_namespaced_job(name, self.namespace, _preload_content=False)
        job: dict[str, Any] = json.loads(answer.data)
        return job

    def pods(self, selector: str) -> list[dict[str, Any]]:
        answer = self.core.list_namespaced_pod(self.namespace, label_selector=selector, _preload_content=False)
        found: list[dict[str, Any]] = json.loads(answer.data)["items"]
        return found

    def delete(self, name: str) -> None:
        try:
            self.batch.delete_namespaced_job(
                name, self.namespace, propagation_policy="Background", _preload_content=False
            )
        except client.ApiException as error:
            if error.status != 404:
                raise

    def delete_all(self) -> None:
        """Delete every Job of the namespace with its pods."""
        self.batch.delete_collection_namespaced_job(
            self.namespace, propagation_policy="Background", _preload_content=False
        )
        self.core.delete_collection_namespaced_pod(self.namespace, grace_period_seconds=0, _preload_content=False)

    def job_data(self, name: str) -> str:
        """The text of a Job's EphemeralJobData, as its container would find it: from its Secret, else its spec."""
        container = self.read(name)["spec"]["template"]["spec"]["containers"][0]
        entry = next(entry for entry in container["env"] if entry["name"] == "EphemeralJobData")
        if "value" in entry:
            return str(entry["value"])
        reference = entry["valueFrom"]["secretKeyRef"]
        until = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                answer = self.core.read_namespaced_secret(reference["name"], self.namespace, _preload_content=False)
            except client.ApiException as error:
                # It is made after the Job, and the kubelet waits for it too.
                if error.status != 404 or time.monotonic() > until:
                    raise
                time.sleep(0.005)
                continue
            return base64.b64decode(json.loads(answer.data)["data"][reference["key"]]).decode()


def job_name(job: int, step_number: int) -> str:
    """Return the name of the Job of a step's first attempt."""
    return f"job-{job}-{step_number}-1"


def bare_manifest(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the same Job under another name, without the labels by which the site knows its own."""
    bare = copy.deepcopy(manifest)
    bare["metadata"].update(name=name, labels=dict(_BARE_LABELS))
    bare["spec"]["template"]["metadata"]["labels"] = dict(_BARE_LABELS)
    return bare


@contextmanager
def own_namespace(threads: int) -> Iterator[Kube]:
    """A fresh namespace, deleted with all that is in it."""
    kube = Kube(f"bench-{uuid4().hex[:8]}", threads)
    metadata = {"name": kube.namespace, "labels": {"terrakube.io/bench": "true"}}
    kube.core.create_namespace({"metadata": metadata}, _preload_content=False)
    try:
        _await_default_account(kube)
        yield kube
    finally:
        kube.core.delete_namespace(kube.namespace, _preload_content=False)
        # Do not wait for the grace period of these pods.
        kube.core.delete_collection_namespaced_pod(kube.namespace, grace_period_seconds=0, _preload_content=False)


def _await_default_account(kube: Kube) -> None:
    """Wait until pods are admitted to a new namespace: before it has this account they are refused."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            kube.core.read_namespaced_service_account("default", kube.namespace, _preload_content=False)
        except client.ApiException as error:
            if error.status != 404 or time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


class ObjectWatch:
    """Calls ``take`` with the kind of each event and its object, in a thread of its own, from now on.

    ``lister`` is the client's method that lists such objects of a namespace; ``selector`` is a label selector.
    """

    def __init__(
        self, lister: Any, namespace: str, take: Callable[[str, dict[str, Any]], object], selector: str = ""
    ) -> None:
        self._take = take
        self._closed = False
        listed = lister(namespace, label_selector=selector, limit=1, _preload_content=False)
        version = json.loads(listed.data)["metadata"]["resourceVersion"]
        self._stream = lister(
            namespace,
            label_selector=selector,
            watch=True,
            resource_version=version,
            _preload_content=False,
            _request_timeout=(5, 3600),
        )
        threading.Thread(target=self._read, name="watch", daemon=True).start()

    def _read(self) -> None:
        rest = b""
        try:
            for block in self._stream.stream(amt=None, decode_content=False):
                *lines, rest = (rest + block).split(b"\n")
                for line in filter(None, lines):
                    event = json.loads(line)
                    self._take(event["type"], event["object"])
        except (urllib3.exceptions.HTTPError, ValueError, OSError, AttributeError):
            if not self._closed:
                raise

    def close(self) -> None:
        """Look no more. The connection is left to its thread, which alone may close what it is reading from."""
        self._closed = True


class JobWatch:
    """Notes by this machine's clock (time.perf_counter) when each Job of the namespace appeared and went."""

    def __init__(self, kube: Kube) -> None:
        self._seen: dict[tuple[str, str], float] = {}
        self._news = threading.Condition()
        self._watch = ObjectWatch(kube.batch.list_namespaced_job, kube.namespace, self._note)

    def _note(self, kind: str, seen: dict[str, Any]) -> None:
        at = time.perf_counter()
        with self._news:
            self._seen.setdefault((kind, seen["metadata"]["name"]), at)
            self._news.notify_all()

    def await_added(self, name: str) -> float:
        """Return when a Job appeared; waits for it. Raises TimeoutError."""
        return self._await("ADDED", name)

    def await_deleted(self, name: str) -> float:
        return self._await("DELETED", name)

    def _await(self, kind: str, name: str) -> float:
        with self._news:
            if not self._news.wait_for(lambda: (kind, name) in self._seen, WAIT_SECONDS):
                raise TimeoutError(f"Job {name} was not seen {kind} in {WAIT_SECONDS:.0f} s")
            return self._seen[kind, name]

    def close(self) -> None:
        """Look no more."""
        self._watch.close()
