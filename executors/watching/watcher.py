"""The watcher's loop: what was seen to change at once, what is due each second, everything each sweep."""

from __future__ import annotations

import logging
import queue
import time
from pathlib import Path

from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from django.utils import timezone

from executors import beats, cluster, retention
from executors.cluster import ClusterError
from executors.conf import Installation
from executors.metrics import store
from executors.terrakube.following import Follower
from executors.watching.lock import watcher_lock
from executors.watching.lost_tasks import launch_due
from executors.watching.observer import Observer
from executors.watching.statuses import as_uuid
from executors.watching.sweep import Sweep, open_attempts
from executors.watching.view import View
from workspaces.queueing import enqueue

logger = logging.getLogger(__name__)
SWEEP_SECONDS = 10.0
DUE_SECONDS = 1.0
KEEP_SECONDS = 60.0
"""How often it is looked for what retention no longer keeps; while more is due, with every ``DUE_SECONDS``."""
STAND_BY_SECONDS = 3.0
CONNECT_SECONDS = 30.0
FIRST_VIEW_SECONDS = 3.0
GATHER_SECONDS = 0.05
"""How long further changes are waited for, since each look reads the whole view and asks the database."""
AFTER_ERROR_SECONDS = 2.0


class Watcher:
    """One process's watcher: stands by until it is the active one, then watches and sweeps."""

    def __init__(self, conf: Installation, data_dir: Path, *, sweep: Sweep | None = None) -> None:
        self._conf = conf
        self._lock = watcher_lock(data_dir)
        self.sweep = sweep or Sweep(conf)
        self._follower = Follower(conf)
        self._observer: Observer | None = None
        self._connect_at = 0.0
        self._told = ""
        self._next_sweep = self._next_due = self._next_beat = self._next_lock = 0.0
        # Not with the first turns, in which there may be much to catch up with.
        self._next_keep = time.monotonic() + KEEP_SECONDS

    def run(self) -> None:
        """Watch until an exception ends it, as the signals of its process raise one."""
        active = False
        try:
            while True:
                try:
                    active = self._hold(active)
                    if active:
                        self.turn()
                    else:
                        time.sleep(STAND_BY_SECONDS)
                except (DatabaseError, InterfaceError) as error:
                    # Everything here may be done again, so a database that was away needs no more than patience.
                    logger.warning("The database failed; trying again: %s", str(error).strip().partition("\n")[0])
                    connection.close()
                    time.sleep(AFTER_ERROR_SECONDS)
                except Exception:
                    logger.exception("The watcher's turn failed; going on")
                    time.sleep(AFTER_ERROR_SECONDS)
        finally:
            self.close()

    def close(self) -> None:
        """Stop watching, and let another watcher be the active one."""
        self._drop_observer()
        self._lock.release()

    def _hold(self, active: bool) -> bool:
        now = time.monotonic()
        if active and now < self._next_lock:
            return True
        self._next_lock = now + STAND_BY_SECONDS
        close_old_connections()
        held = self._lock.acquire()
        if held and not active:
            logger.info("This watcher is the active one")
            self._next_sweep = self._next_due = self._next_beat = self._connect_at = 0.0
        elif active and not held:
            logger.warning("Another watcher is the active one now")
            self._drop_observer()
        elif not held and self._told != "stand-by":
            self._told = "stand-by"
            logger.info("Another watcher is active; this one stands by")
        return held

    def _drop_observer(self) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer = None

    # ---- one turn of the active watcher -----------------------------------------------------------------------------

    def turn(self) -> None:
        """Do what is due now, then wait for what changes, or for what is due next; at most a second."""
        now = time.monotonic()
        if now >= self._next_beat:
            self._next_beat = now + beats.EVERY_SECONDS
            beats.beat(beats.WATCHER)
            if self._view() is not None:
                beats.beat(beats.CLUSTER)
            enqueue("executors.tasks.beat")
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_SECONDS
            self._watch()
            self.sweep.run(self._view(), self._observer.api if self._observer else None)
            store.flush()
        if now >= self._next_due:
            self._next_due = now + DUE_SECONDS
            launch_due(self.sweep.requeue)
            self._follower.turn()
        if now >= self._next_keep:
            self._next_keep = now + KEEP_SECONDS
            self._next_keep = now + (DUE_SECONDS if self._clear_out() else KEEP_SECONDS)
        self._look_again()
        self._look_at_changed(until=min(self._next_sweep, self._next_due, self._next_beat, self._soonest()))

    @staticmethod
    def _clear_out() -> bool:
        """Remove what retention no longer keeps; True when more is due. What fails there must not stop the watch."""
        try:
            return retention.turn()
        except (DatabaseError, InterfaceError):
            raise
        except Exception:
            logger.exception("Retention failed; it is tried again later")
            return False

    def _watch(self) -> None:
        """Begin to watch the cluster, where there is one."""
        now = time.monotonic()
        if self._observer is not None or now < self._connect_at:
            return
        if self._conf.api_url is None and not self.sweep.cluster_wanted:
            # Nothing is ever launched into a cluster without that address, and the client is not small.
            return
        self._connect_at = now + CONNECT_SECONDS
        try:
            api = cluster.connect()
        except ClusterError as error:
            if self._told != str(error):
                self._told = str(error)
                logger.warning("Attempts in a cluster cannot be watched: %s", error)
            return
        self._observer = Observer(api, self._conf.namespace)
        self._observer.start()
        # The first sweep after a start should not be a blind one, should the cluster answer.
        until = now + FIRST_VIEW_SECONDS
        while self._observer.view() is None and time.monotonic() < until:
            time.sleep(0.05)

    def _view(self) -> View | None:
        return self._observer.view() if self._observer is not None else None

    def _soonest(self) -> float:
        """When the next attempt wants to be looked at again, on the monotonic clock."""
        first = min(self.sweep.looker.again.values(), default=None)
        if first is None:
            return float("inf")
        return time.monotonic() + max(0.0, (first - timezone.now()).total_seconds())

    def _look_again(self) -> None:
        now = timezone.now()
        due = [attempt_id for attempt_id, at in self.sweep.looker.again.items() if at <= now]
        for attempt_id in due:
            # Set anew by the look, should it still matter.
            del self.sweep.looker.again[attempt_id]
        if due:
            self._look_at(set(due))

    def _look_at_changed(self, *, until: float) -> None:
        """Look at the attempts that the observer names, as they come, until then."""
        if self._observer is None:
            time.sleep(max(0.0, until - time.monotonic()))
            return
        try:
            first = self._observer.changed.get(timeout=max(0.01, until - time.monotonic()))
        except queue.Empty:
            return
        time.sleep(GATHER_SECONDS)
        named = {first}
        while True:
            try:
                named.add(self._observer.changed.get_nowait())
            except queue.Empty:
                break
        view = self._observer.view()
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
        for attempt in open_attempts().filter(pk__in=ids):
            if attempt.launched_at is not None and not attempt.step.is_final:
                self.sweep.look_at(attempt, view, api)
