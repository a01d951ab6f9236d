"""Kill a process, an executor or a pod at random, and cancel a job now and then."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from bench.kube import Kube
from bench.soak.processes import Process
from executors.choices import AttemptState, ExecutorKind, WarmState
from executors.models import Attempt, WarmPod
from workspaces.errors import ServiceError
from workspaces.models import Job
from workspaces.services.jobs import cancel_job

AT_HAND_OVER = "worker at a hand-over"
KINDS = (
    *("worker", "watcher", "web", "executor", "pod", "cancel"),
    *("waiting warm pod", "warm pod at its hand-over", "warm pod that has just begun", AT_HAND_OVER),
)
MOMENT_SECONDS = 10.0
"""How long a moment is waited for."""
_LOOK_SECONDS = 0.02
_JUST = dt.timedelta(seconds=2)


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
            "waiting warm pod": self._waiting_pod,
            "warm pod at its hand-over": self._pod_at_hand_over,
            "warm pod that has just begun": self._pod_that_has_begun,
            AT_HAND_OVER: self._worker_at_hand_over,
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

    def _waiting_pod(self) -> bool:
        found = list(WarmPod.objects.filter(state=WarmState.WAITING))
        if not found:
            return False
        self._delete_pod(f"terrakube.io/warm-pod={self._random.choice(found).pk}")
        return True

    def _pod_at_hand_over(self) -> bool:
        """One that a step has taken, and that has not claimed it yet."""
        pod = _await_moment(_handed_over) if self._kube is not None else None
        if pod is None:
            return False
        self._delete_pod(f"terrakube.io/warm-pod={pod.pk}")
        return True

    def _worker_at_hand_over(self) -> bool:
        if self._kube is None or _await_moment(_handed_over) is None:
            return False
        # Which of them is at it is not known.
        for process in self._processes["worker"]:
            process.kill_and_start(away_seconds=0)
        return True

    def _pod_that_has_begun(self) -> bool:
        """One that has just claimed its step."""
        attempt = _await_moment(_just_begun) if self._kube is not None else None
        if attempt is None:
            return False
        self._delete_pod(f"terrakube.io/attempt={attempt.pk}")
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


def _handed_over() -> WarmPod | None:
    taken = WarmPod.objects.filter(state__in=(WarmState.TAKEN, WarmState.HANDED_OVER), attempt__claimed_at=None)
    return taken.exclude(attempt=None).first()


def _just_begun() -> Attempt | None:
    warm = Attempt.objects.exclude(state=AttemptState.ENDED).filter(started_warm=True)
    return warm.filter(claimed_at__gt=timezone.now() - _JUST).first()


def _await_moment[Found](look: Callable[[], Found | None]) -> Found | None:
    until = time.monotonic() + MOMENT_SECONDS
    while (found := look()) is None and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
    return found


def _is_executor(process_id: int) -> bool:
    # A process id that was reused meanwhile must not be killed.
    try:
        with open(f"/proc/{process_id}/cmdline", "rb") as file:
            return b"executors.agent" in file.read()
    except OSError:
        return False
