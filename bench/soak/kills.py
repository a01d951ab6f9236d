"""Kill a process, an executor or a pod at random, and cancel a job now and then."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence

from django.db import DatabaseError, close_old_connections

from bench.kube import Kube
from bench.soak.processes import Process
from executors.choices import AttemptState, ExecutorKind
from executors.models import Attempt, WarmPod
from workspaces.errors import ServiceError
from workspaces.models import Job
from workspaces.services.jobs import cancel_job

KINDS = ("worker", "worker", "watcher", "web", "executor", "pod", "warm pod", "cancel")


class Killer:
    """Does one harmful thing at a time; ``done`` counts them."""

    def __init__(self, processes: Mapping[str, Sequence[Process]], kube: Kube | None, seed: int) -> None:
        self.done: Counter[str] = Counter()
        self._processes = processes
        self._kube = kube
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, no secret
        self._ways = {
            "executor": self._executor,
            "pod": self._pod,
            "warm pod": self._warm_pod,
            "cancel": self._cancel,
        }

    def once(self) -> None:
        kind = self._random.choice(KINDS)
        if kind in self._processes:
            process = self._random.choice(self._processes[kind])
            process.kill_and_start(away_seconds=self._random.uniform(0, 2))
            self.done[kind] += 1
            return
        try:
            close_old_connections()
            if self._ways[kind]():
                self.done[kind] += 1
        except (DatabaseError, ServiceError):
            return

    def run(self, seconds: float, pause: tuple[float, float]) -> None:
        """Go on for so long, with a pause between two."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(self._random.uniform(*pause))
            self.once()

    def _open(self, kind: ExecutorKind) -> Attempt | None:
        found = list(Attempt.objects.exclude(state=AttemptState.ENDED).filter(executor=kind, launched_at__isnull=False))
        return self._random.choice(found) if found else None

    def _executor(self) -> bool:
        """The executor alone, or with all that it runs."""
        attempt = self._open(ExecutorKind.LOCAL)
        if attempt is None or attempt.process_id is None or not _is_executor(attempt.process_id):
            return False
        kill = os.killpg if self._random.random() < 0.5 else os.kill
        with contextlib.suppress(ProcessLookupError):
            kill(attempt.process_id, signal.SIGKILL)
        return True

    def _pod(self) -> bool:
        attempt = self._open(ExecutorKind.KUBERNETES) if self._kube is not None else None
        if attempt is None or self._kube is None:
            return False
        self._delete_pod(f"terrakube.io/attempt={attempt.pk}")
        return True

    def _warm_pod(self) -> bool:
        """One that waits, is being taken or has just been handed over."""
        found = list(WarmPod.objects.exclude(pod_name=""))
        if not found or self._kube is None:
            return False
        self._delete_pod(f"terrakube.io/warm-pod={self._random.choice(found).pk}")
        return True

    def _delete_pod(self, selector: str) -> None:
        assert self._kube is not None  # noqa: S101 - for the types
        self._kube.core.delete_collection_namespaced_pod(
            self._kube.namespace,
            label_selector=selector,
            grace_period_seconds=self._random.choice((0, 5)),
            _preload_content=False,
        )

    def _cancel(self) -> bool:
        jobs = list(Job.objects.unfinished().values_list("pk", flat=True))
        if not jobs:
            return False
        cancel_job(Job.objects.select_related("workspace", "organization").get(pk=self._random.choice(jobs)), by=None)
        return True


def _is_executor(process_id: int) -> bool:
    # A process id that was reused meanwhile must not be killed.
    try:
        with open(f"/proc/{process_id}/cmdline", "rb") as file:
            return b"executors.agent" in file.read()
    except OSError:
        return False
