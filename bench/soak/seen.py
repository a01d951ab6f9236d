"""What is seen of the soak's steps, as a history for the checker of the simulation."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from executors.choices import EventKind
from executors.models import AttemptEvent
from tests.simulation.history import Event, Kind, check_history
from workspaces.models import Job, Step

POD_NAMES = ("job-", "warm-")
WARM_LABEL = "terrakube.io/warm-pod"


class Seen:
    """Gets the rings of steps and the ends of pods from any thread, and looks at every status when it is asked to."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begin = clock()
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self._statuses: dict[object, str] = {}
        self.warm_pods: set[str] = set()
        """Names of all warm pods that ever were."""

    def ring(self, line: str) -> None:
        """Commands have begun or are done: "begun", the step, its workspace and the name of the host, in that order."""
        word, step, workspace, host = line.split()
        # Only of pods is it seen how they end, and that each is another: nothing can be said of two processes at work.
        pod = host if host.startswith(POD_NAMES) else ""
        kind = Kind(word)
        self._add(Event(at=self._now(), kind=kind, step=step, workspace=workspace, executor=pod, alone=bool(pod)))

    def pod_changed(self, kind: str, pod: Mapping[str, Any]) -> None:
        """What a watch says of a pod: its containers have ended, or it is no longer there."""
        name = pod["metadata"]["name"]
        with self._lock:
            if WARM_LABEL in pod["metadata"].get("labels", {}):
                self.warm_pods.add(name)
        if kind == "DELETED" or pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
            self._add(Event(at=self._now(), kind=Kind.GONE, executor=name))

    def look(self) -> None:
        """See the statuses of all jobs and steps that have changed since the last look."""
        for pk, status in Job.objects.order_by("pk").values_list("pk", "status"):
            if self._statuses.get(pk) != status:
                self._statuses[pk] = status
                self._add(Event(at=self._now(), kind=Kind.JOB, job=pk, status=status))
        for step, job, status in Step.objects.order_by("job", "step_number").values_list("pk", "job_id", "status"):
            if self._statuses.get(step) != status:
                self._statuses[step] = status
                self._add(Event(at=self._now(), kind=Kind.STEP, job=job, step=str(step), status=status))

    @property
    def rung(self) -> Counter[str]:
        """How often the commands of each step began."""
        with self._lock:
            return Counter(event.step for event in self._events if event.kind == Kind.BEGUN)

    def violations(self) -> tuple[int, list[str]]:
        """Return how many events were seen, and what is wrong with them; the results that counted are read now."""
        results = AttemptEvent.objects.filter(kind=EventKind.RESULT).order_by("at")
        with self._lock:
            events = list(self._events)
        events += [
            Event(at=self._now(), kind=Kind.HEARD, step=str(step), attempt=str(attempt), status=outcome)
            for step, attempt, outcome in results.values_list("attempt__step_id", "attempt_id", "detail")
        ]
        return len(events), check_history(events)

    def _now(self) -> float:
        return self._clock() - self._begin

    def _add(self, event: Event) -> None:
        with self._lock:
            self._events.append(event)
