"""The loop of the watcher: changes at once, due attempts every second, everything at each sweep."""

from __future__ import annotations

import datetime as dt
import functools
import logging
import time
from pathlib import Path

from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from django.utils import timezone

from executors import cluster, retention
from executors.attempts import organizations
from executors.cluster import ClusterError
from executors.health import heartbeats
from executors.installation.settings import Installation
from executors.metrics import store
from executors.terrakube.follower import Follower
from executors.watching.cluster_watch import ClusterWatch
from executors.watching.lock import watcher_lock
from executors.watching.lost_tasks import requeue_launches
from executors.watching.observer import Observer
from executors.watching.other_clusters import OtherClusters
from executors.watching.sweep import Sweep
from executors.watching.warm_pool import WarmPool
from executors.watching.witness import Witness
from workspaces.task_queue import client
from workspaces.task_queue.client import enqueue

logger = logging.getLogger(__name__)
SWEEP_SECONDS = 10.0
DUE_SECONDS = 1.0
KEEP_SECONDS = 60.0
"""Seconds between checks for records past their retention, or incomplete; while more is due, ``DUE_SECONDS``."""
STAND_BY_SECONDS = 3.0
CONNECT_SECONDS = 30.0
FIRST_VIEW_SECONDS = 3.0
AFTER_ERROR_SECONDS = 2.0


class Watcher(ClusterWatch):
    """The watcher of one process: stands by until it is active, then watches and sweeps."""

    def __init__(self, conf: Installation, data_dir: Path, *, sweep: Sweep | None = None) -> None:
        self._conf = conf
        self._lock = watcher_lock(data_dir)
        super().__init__(sweep or Sweep(conf))
        self._witness = Witness()
        self.sweep.looker.witnesses = self._witness.has_seen
        self._follower = Follower(conf)
        self._warm_pool = WarmPool(conf)
        self._others = OtherClusters(conf, self._witness)
        self._connect_at = 0.0
        self._told = ""
        # Records of an earlier watcher are checked at once.
        self._queue_silent: dt.datetime | None = timezone.now()
        self._next_sweep = self._next_due = self._next_beat = self._next_lock = self._next_warm = 0.0
        # Not with the first iterations, which may have much to catch up with.
        self._next_keep = time.monotonic() + KEEP_SECONDS

    def run(self) -> None:
        """Watch until an exception ends it, such as the one raised on a signal."""
        client.disable_waiting()
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
                    # Everything here may be repeated, so after a database outage it is enough to wait.
                    logger.warning("The database failed; trying again: %s", str(error).strip().partition("\n")[0])
                    connection.close()
                    time.sleep(AFTER_ERROR_SECONDS)
                except Exception:
                    logger.exception("The watcher's turn failed; going on")
                    time.sleep(AFTER_ERROR_SECONDS)
        finally:
            self.close()

    def close(self) -> None:
        """Stop watching, and release the lock to another watcher."""
        self._others.stop()
        self._drop_observer()
        self._lock.release()

    def become_active(self) -> None:
        """Become the active watcher: from now on everything is witnessed, and everything is due at once."""
        self._witness.begin()
        self._next_sweep = self._next_due = self._next_beat = self._connect_at = 0.0

    def _hold(self, active: bool) -> bool:
        now = time.monotonic()
        if active and now < self._next_lock:
            return True
        self._next_lock = now + STAND_BY_SECONDS
        close_old_connections()
        held = self._lock.acquire()
        if held and not active:
            logger.info("This watcher is the active one")
            self.become_active()
        elif active and not held:
            logger.warning("Another watcher is the active one now")
            self._others.stop()
            self._drop_observer()
        elif not held and self._told != "stand-by":
            self._told = "stand-by"
            logger.info("Another watcher is active; this one stands by")
        return held

    # ---- one iteration of the active watcher ------------------------------------------------------------------------

    def turn(self) -> None:
        """Do what is due, then wait for a change or the next due time; at most a second."""
        now = time.monotonic()
        if now >= self._next_beat:
            self._next_beat = now + heartbeats.EVERY_SECONDS
            self._witness.beat()
            if self._view() is not None:
                heartbeats.write_heartbeat(heartbeats.CLUSTER)
            enqueue("executors.tasks.beat")
            self._note_queue()
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_SECONDS
            self._others.follow_records()
            self._watch()
            self.sweep.run(self._view(), self._observer.api if self._observer else None)
            store.flush_counters()
        if now >= self._next_due:
            self._next_due = now + DUE_SECONDS
            requeue_launches(self.sweep.requeue)
            self._follower.turn()
        if now >= self._next_warm and self._observer is not None:
            self._next_warm = now + self._warm_pool.turn_seconds
            self._warm_pool.turn(self._observer.api)
        if now >= self._next_keep:
            self._next_keep = now + KEEP_SECONDS
            self._next_keep = now + (DUE_SECONDS if self._clear_out() else KEEP_SECONDS)
        self._look_again()
        self._inspect_changed(until=min(self._next_sweep, self._next_due, self._next_beat, self._soonest()))

    def _note_queue(self) -> None:
        """Record whether the queue accepts this process's tasks, whenever that changes."""
        since = client.silent_since()
        if since != self._queue_silent or since is not None:
            self._queue_silent = since
            heartbeats.store_queue_silence(since)

    @staticmethod
    def _clear_out() -> bool:
        """Remove what is past its retention, and complete what an earlier version wrote; return True if more is due.

        An error there must not stop the watch.
        """
        try:
            incomplete = organizations.fill_keys()
            return retention.turn() or incomplete
        except (DatabaseError, InterfaceError):
            raise
        except Exception:
            logger.exception("Retention failed; it is tried again later")
            return False

    def _watch(self) -> None:
        """Start watching the cluster, if there is one."""
        now = time.monotonic()
        if self._observer is not None or now < self._connect_at:
            return
        if self._conf.api_url is None and not self.sweep.cluster_wanted:
            # Without that address nothing is ever launched into a cluster, and the client is not small.
            return
        self._connect_at = now + CONNECT_SECONDS
        try:
            api = cluster.connect()
        except ClusterError as error:
            if self._told != str(error):
                self._told = str(error)
                logger.warning("Attempts in a cluster cannot be watched: %s", error)
            return
        # Asked at the first look that is kept, once.
        self.sweep.looker.cluster_version = functools.cache(api.version)
        self._observer = Observer(api, self._conf.namespace)
        self._observer.start()
        # The first sweep after a start should know the cluster's state if the cluster answers.
        until = now + FIRST_VIEW_SECONDS
        while self._observer.snapshot() is None and time.monotonic() < until:
            time.sleep(0.05)
