"""Keep a snapshot of the cluster up to date: list, watch from there, and list again after the watch breaks.

One thread and one connection each for Jobs and for pods. The threads use no database: they report which attempts have
changed, and the watcher's own thread inspects those.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from executors.cluster import ClusterError, Expired
from executors.watching.diagnosis.statuses import Seen, attempt_of, trimmed
from executors.watching.snapshot import SELECTOR, ClusterSnapshot, group_by_attempt, may_see_pods

if TYPE_CHECKING:
    from executors.cluster.api import Cluster

logger = logging.getLogger(__name__)
type Lister = Callable[[str, str], tuple[list[dict[str, Any]], str]]
type Streamer = Callable[..., Iterator[tuple[str, dict[str, Any]]]]

WATCH_SECONDS = 60
"""Duration after which the server ends a watch; also the time until a dead connection is noticed."""
RELIST_SECONDS = 600.0
RIGHTS_SECONDS = 300.0
LONGEST_PAUSE_SECONDS = 30.0


class Reflector:
    """A copy of one kind of object, updated by a thread; ``changed`` gets the ids of attempts that changed."""

    def __init__(
        self, name: str, lister: Lister, streamer: Streamer, namespace: str, changed: queue.Queue[str]
    ) -> None:
        self._name, self._lister, self._streamer, self._namespace = name, lister, streamer, namespace
        self._changed = changed
        self._lock = threading.Lock()
        self._objects: dict[str, dict[str, Any]] = {}
        self._departed: dict[str, Seen] = {}
        self._stopped = threading.Event()
        self._failures = 0
        self.synced = False
        self.problem: ClusterError | None = None
        """Why the cluster could not be watched last, None after a list."""

    def objects(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._objects.values())

    def departed(self) -> dict[str, Seen]:
        """Last seen state of each deleted object by attempt; cleared at the next list."""
        with self._lock:
            return dict(self._departed)

    def stop(self) -> None:
        self._stopped.set()

    def run(self, *, until_forbidden: bool = False) -> None:
        """List and watch until stopped, or with ``until_forbidden`` until the API refuses."""
        while not self._stopped.is_set():
            try:
                self._list_and_watch()
            except Expired:
                self._stopped.wait(random.uniform(0, 0.5))  # noqa: S311 - spreads load
            except ClusterError as error:
                if error.status == 403 and until_forbidden:
                    self.synced = False
                    return
                self._pause(error)
            except Exception as error:
                # If the thread ended, the snapshot would stay as it is for ever.
                logger.exception("Watching %s failed", self._name)
                self._pause(error)

    def _pause(self, error: Exception) -> None:
        self.synced = False
        self.problem = error if isinstance(error, ClusterError) else None
        self._failures += 1
        longest = min(LONGEST_PAUSE_SECONDS, 0.5 * 2**self._failures)
        if self._failures in {1, 10, 100}:
            logger.warning("%s in namespace %s cannot be watched: %s", self._name, self._namespace, error)
        self._stopped.wait(random.uniform(longest / 2, longest))  # noqa: S311 - spreads load, hides nothing

    def _list_and_watch(self) -> None:
        found, version = self._lister(self._namespace, SELECTOR)
        self._replace({one["metadata"]["uid"]: trimmed(one) for one in found})
        self._failures, self.problem = 0, None
        relist_at = time.monotonic() + RELIST_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load
        while not self._stopped.is_set() and time.monotonic() < relist_at:
            for kind, seen in self._streamer(self._namespace, SELECTOR, version, seconds=WATCH_SECONDS):
                if kind == "ERROR":
                    failure = Expired if seen.get("code") == 410 else ClusterError
                    raise failure(str(seen.get("message", "the watch failed")), status=seen.get("code"))
                version = seen["metadata"]["resourceVersion"]
                if kind != "BOOKMARK":
                    self._apply(kind, trimmed(seen))
                if self._stopped.is_set():
                    return

    def _replace(self, objects: dict[str, dict[str, Any]]) -> None:
        with self._lock:
            before, self._objects, self._departed = self._objects, objects, {}
        self.synced = True
        for attempt_id in {attempt_of(one) for one in (*before.values(), *objects.values())}:
            self._changed.put(attempt_id)

    def _apply(self, kind: str, seen: dict[str, Any]) -> None:
        with self._lock:
            if kind == "DELETED":
                self._objects.pop(seen["metadata"]["uid"], None)
                self._departed[attempt_of(seen)] = seen
            else:
                self._objects[seen["metadata"]["uid"]] = seen
        self._changed.put(attempt_of(seen))


class Observer:
    """The watches of one namespace, and the snapshot that they maintain."""

    def __init__(self, api: Cluster, namespace: str) -> None:
        self.api = api
        self.namespace = namespace
        self.changed: queue.Queue[str] = queue.Queue()
        """Ids of attempts whose objects changed."""
        self._jobs = Reflector("Jobs", api.list_jobs, api.watch_jobs, namespace, self.changed)
        self._pods = Reflector("pods", api.list_pods, api.watch_pods, namespace, self.changed)
        self._sees_pods: bool | None = None
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._jobs.run, name="watch jobs", daemon=True).start()
        threading.Thread(target=self._watch_pods, name="watch pods", daemon=True).start()

    def stop(self) -> None:
        """Stop both threads; each ends at its next event at the latest."""
        self._stopped.set()
        self._jobs.stop()
        self._pods.stop()

    def _watch_pods(self) -> None:
        while not self._stopped.is_set():
            try:
                allowed = may_see_pods(self.api, self.namespace)
            except ClusterError:
                self._stopped.wait(5)
                continue
            if allowed != self._sees_pods:
                what = (
                    "are watched too" if allowed else "are not watched: it needs the verbs get, list and watch on pods"
                )
                logger.info("Pods in namespace %s %s", self.namespace, what)
                self._sees_pods = allowed
            if allowed:
                self._pods.run(until_forbidden=True)
            else:
                self._stopped.wait(RIGHTS_SECONDS)

    @property
    def problem(self) -> ClusterError | None:
        """Why there is no snapshot, as far as it is known."""
        return self._jobs.problem or self._pods.problem

    def snapshot(self) -> ClusterSnapshot | None:
        """Return the current snapshot, None while the cluster does not answer."""
        if not self._jobs.synced or self._sees_pods is None or (self._sees_pods and not self._pods.synced):
            return None
        # Jobs first: where there is no Job there will be no pod either, so the absence of both proves something.
        jobs = {attempt_of(job): job for job in self._jobs.objects()}
        pods = group_by_attempt(self._pods.objects()) if self._sees_pods else None
        return ClusterSnapshot(namespace=self.namespace, jobs=jobs, pods=pods, departed=self._pods.departed())
