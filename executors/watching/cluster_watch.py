"""Watch one cluster, and inspect those of its attempts that change or are due: what all watchers of clusters share."""

from __future__ import annotations

import queue
import time

from django.utils import timezone

from executors.watching.diagnosis.statuses import as_uuid
from executors.watching.observer import Observer
from executors.watching.snapshot import ClusterSnapshot
from executors.watching.sweep import Sweep, open_attempts, skip_if_locked

GATHER_SECONDS = 0.05
"""Time to collect further changes, since each inspection reads the whole snapshot and queries the database."""
INSPECTION_SECONDS = 0.5
"""Least time between two inspections. When many steps start at once, each Job and pod changes several times in a
moment, and a look at each of these changes would take processor time from the launches."""
REST = 9
"""The watcher rests after an inspection for so many times the time that it took, so that in a burst it takes a tenth of
a processor from the launches, and looks at their pods when most of them are done."""
LONGEST_REST_SECONDS = 3.0


class ClusterWatch:
    """The view of one cluster and the looks at its attempts; for one thread."""

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self._observer: Observer | None = None
        self._named: set[str] = set()
        """The attempts that changed and were not looked at since."""
        self._next_inspection = 0.0
        self._rests_until = 0.0

    def _drop_observer(self) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer = None

    def _view(self) -> ClusterSnapshot | None:
        return self._observer.snapshot() if self._observer is not None else None

    def _soonest(self) -> float:
        """Return when the next attempt is due for an inspection, on the monotonic clock."""
        changed = self._rests_until if self._named else float("inf")
        first = min(self.sweep.looker.again.values(), default=None)
        if first is None:
            return changed
        return min(changed, time.monotonic() + max(0.0, (first - timezone.now()).total_seconds()))

    def _look_again(self) -> None:
        now = timezone.now()
        due = [attempt_id for attempt_id, at in self.sweep.looker.again.items() if at <= now]
        for attempt_id in due:
            # The inspection sets it again if it still matters.
            del self.sweep.looker.again[attempt_id]
        if due:
            self._look_at(set(due))

    def _inspect_changed(self, *, until: float) -> None:
        """Inspect the attempts that the observer reports, as they come, until then."""
        if self._observer is None:
            time.sleep(max(0.0, until - time.monotonic()))
            return
        if not self._named:
            try:
                self._named.add(self._observer.changed.get(timeout=max(0.01, until - time.monotonic())))
            except queue.Empty:
                return
        time.sleep(max(GATHER_SECONDS, min(self._next_inspection, until) - time.monotonic()))
        begin = time.monotonic()
        if begin < self._rests_until:
            return
        while True:
            try:
                self._named.add(self._observer.changed.get_nowait())
            except queue.Empty:
                break
        named, self._named = self._named, set()
        try:
            self._look_at_news(self._observer, named)
        finally:
            now = time.monotonic()
            self._rests_until = now + min(REST * (now - begin), LONGEST_REST_SECONDS)
            self._next_inspection = max(begin + INSPECTION_SECONDS, self._rests_until)

    def _look_at_news(self, observer: Observer, named: set[str]) -> None:
        view = observer.snapshot()
        if view is None:
            return
        looker = self.sweep.looker
        news = set()
        for attempt_id in named:
            pods = view.pods_of(attempt_id)
            departed = view.departed.get(attempt_id)
            if looker.is_news(attempt_id, view.jobs.get(attempt_id), [departed] if not pods and departed else pods):
                news.add(attempt_id)
        if news:
            self._look_at(news)

    def _look_at(self, attempt_ids: set[str]) -> None:
        view, api = self._view(), self._observer.api if self._observer else None
        ids = [found for found in map(as_uuid, attempt_ids) if found is not None]
        for attempt in open_attempts().filter(pk__in=ids, cluster=self.sweep.cluster):
            if attempt.launched_at is not None and not attempt.step.is_final:
                with skip_if_locked(attempt):
                    self.sweep.look_at(attempt, view, api)
