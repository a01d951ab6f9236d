"""The watches of clusters with a record: a thread and a connection for each, so that none waits for another."""

from __future__ import annotations

import functools
import logging
import threading
import time

from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from django.db.models import Q

from executors.choices import AttemptState
from executors.cluster import ClusterError, Dropped
from executors.clusters import health
from executors.clusters.reaching import Place, answers, place_of_record
from executors.installation.settings import Installation
from executors.models import Attempt
from executors.watching.cluster_watch import ClusterWatch
from executors.watching.diagnosis.pods import Diagnosis, Kind
from executors.watching.observer import Observer
from executors.watching.reconciliation import UNKNOWN
from executors.watching.sweep import Sweep
from executors.watching.witness import Witness
from workspaces.models import Cluster as Record
from workspaces.reasons import reason

logger = logging.getLogger(__name__)
SWEEP_SECONDS = 10.0
LONGEST_SECONDS = 1.0
"""Time after which a thread looks whether it is to end."""
AFTER_ERROR_SECONDS = 2.0
FIRST_VIEW_SECONDS = 5.0
"""Time for the first list of a new watch; a cluster that takes longer counts as silent until it answers."""


def watched_records() -> list[Record]:
    """Return the clusters to watch: the enabled ones, and those in which something runs or is to be cleaned up."""
    # Apart, so that each is found by its partial index: attempts pile up for ever, and this is asked all the time.
    elsewhere = Attempt.objects.exclude(cluster="")
    opened = elsewhere.filter(~Q(state=AttemptState.ENDED))
    uncleaned = elsewhere.filter(state=AttemptState.ENDED, cleaned_at=None)
    busy = Q(name__in=opened.values("cluster")) | Q(name__in=uncleaned.values("cluster"))
    return list(Record.objects.to_reach().filter(Q(enabled=True) | busy))


class OtherCluster(ClusterWatch):
    """The watch of one cluster with a record; for one thread."""

    def __init__(self, record: Record, conf: Installation, witness: Witness) -> None:
        self.place: Place = place_of_record(record, conf)
        super().__init__(Sweep(self.place.conf, cluster=record.name))
        self._record = record
        self._silent_since = record.silent_since
        self._refusal = ""
        self.sweep.looker.witnesses = witness.has_seen
        self.sweep.looker.unknown = self._unknown
        self._next_sweep = 0.0
        self._unseen_since = time.monotonic()

    def turn(self, *, longest: float = LONGEST_SECONDS) -> None:
        """Do what is due, then wait for a change or the next due time; at most ``longest`` seconds."""
        now = time.monotonic()
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_SECONDS
            close_old_connections()
            self._watch()
            self._keep_health()
            self.sweep.run_cluster(self._view(), self._observer.api if self._observer else None)
        self._look_again()
        self._inspect_changed(until=min(self._next_sweep, self._soonest(), time.monotonic() + longest))

    def close(self) -> None:
        """Stop watching."""
        self._drop_observer()

    def _watch(self) -> None:
        if self._observer is not None:
            return
        try:
            api = self.place.connect()
        except ClusterError as error:
            self._note_problem(error)
            return
        self.sweep.looker.cluster_version = functools.cache(api.version)
        self._observer = Observer(api, self.place.conf.namespace)
        self._observer.start()
        until = time.monotonic() + FIRST_VIEW_SECONDS
        while self._observer.snapshot() is None and time.monotonic() < until:
            time.sleep(0.05)

    def _keep_health(self) -> None:
        """Record whether the cluster answers: the watch says so, and after a silence a call does."""
        if self._observer is None:
            return
        if self._view() is None:
            self._note_problem(self._observer.problem)
            return
        stored = Record.objects.filter(pk=self._record.pk).values_list("silent_since", flat=True).first()
        if stored is not None:
            # A task was not answered, and a watch notices that late.
            try:
                self._observer.api.server_time()
            except ClusterError as error:
                self._note_problem(error)
                return
        self._silent_since, self._refusal = None, ""
        health.note_answer(self._record)

    def _note_problem(self, error: ClusterError | None) -> None:
        if isinstance(error, Dropped) and self._silent_since is None and answers(self.place):
            # The watch connects again in a moment.
            return
        self._silent_since = health.note_problem(self._record, error)
        self._refusal = error.message if error is not None and self._silent_since is None else ""

    def _unknown(self) -> Diagnosis:
        if self._silent_since is None:
            if self._refusal:
                why = reason("cluster-unavailable", "not-asked", words=self._refusal)
                return Diagnosis(why=why, kind=Kind.WAITING)
            return UNKNOWN
        since = health.shown(self._silent_since)
        why = reason("cluster-unavailable", "cluster-silent", name=self.place.name, since=since)
        return Diagnosis(why=why, kind=Kind.WAITING)


class _Thread(threading.Thread):
    def __init__(self, watch: OtherCluster, version: object) -> None:
        super().__init__(name=f"watch {watch.place.name}", daemon=True)
        self.watch, self.version = watch, version
        self._ended = threading.Event()

    def end(self) -> None:
        """Let the thread end after what it does now."""
        self._ended.set()

    def run(self) -> None:
        try:
            while not self._ended.is_set():
                try:
                    self.watch.turn()
                except (DatabaseError, InterfaceError) as error:
                    logger.warning("The database failed; trying again: %s", str(error).strip().partition("\n")[0])
                    connection.close()
                    self._ended.wait(AFTER_ERROR_SECONDS)
                except Exception:
                    logger.exception("Watching the cluster %s failed; going on", self.watch.place.name)
                    self._ended.wait(AFTER_ERROR_SECONDS)
        finally:
            self.watch.close()
            connection.close()


class OtherClusters:
    """The threads of one active watcher: one for each cluster that is to be watched."""

    def __init__(self, conf: Installation, witness: Witness) -> None:
        self._conf, self._witness = conf, witness
        self._threads: dict[str, _Thread] = {}
        self._ending: list[_Thread] = []

    def follow_records(self) -> None:
        """Start the threads of new clusters and end those of changed and removed ones. Costs one query."""
        wanted = {record.name: record for record in watched_records()}
        versions = {name: _version(record) for name, record in wanted.items()}
        for name, thread in list(self._threads.items()):
            if versions.get(name) != thread.version or not thread.is_alive():
                thread.end()
                self._ending.append(self._threads.pop(name))
        self._ending = [thread for thread in self._ending if thread.is_alive()]
        leaving = {thread.watch.place.name for thread in self._ending}
        for name, record in wanted.items():
            # Two threads of one cluster would each know half of what was seen.
            if name not in self._threads and name not in leaving:
                thread = self._threads[name] = _Thread(OtherCluster(record, self._conf, self._witness), versions[name])
                thread.start()

    def stop(self) -> None:
        """End all threads; each ends after what it does now."""
        for thread in self._threads.values():
            thread.end()
        self._ending += self._threads.values()
        self._threads = {}


def _version(record: Record) -> object:
    return record.pk, record.updated_date
