"""What is seen of the soak's steps, as a history for the checker of the simulation."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

from executors.choices import EventKind
from executors.models import AttemptEvent
from tests.simulation.history import Event, Kind, check_history
from workspaces.models import Job, Step


class Seen:
    """Gets the rings of steps from any thread, and looks at every status whenever it is asked to."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begin = clock()
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self._statuses: dict[object, str] = {}

    def ring(self, step: str) -> None:
        """The commands of a step have begun."""
        # Nobody sees when they end, so nothing can be said of two at work.
        self._add(Event(at=self._now(), kind=Kind.BEGUN, step=step, alone=False))

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
