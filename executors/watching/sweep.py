"""One pass over all open work. The sweep is the truth; the watch only makes it quick.

Whichever process died, and whichever message was lost, the next pass finds the unfinished work. Its number of queries
does not grow with idle records, and it calls the cluster outside of transactions.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import DatabaseError
from django.db.models import QuerySet
from django.utils import timezone

from executors.choices import UNCLAIMED, AttemptState, ExecutorKind
from executors.cluster import ClusterError
from executors.cluster.conditions import condition
from executors.installation.settings import Installation
from executors.launching import barred_attempts
from executors.models import Attempt
from executors.watching import garbage_collection, lost_tasks
from executors.watching.decisions import Act, Patience, patience
from executors.watching.diagnosis.statuses import Seen, container, is_leaving, job_end, newest, when
from executors.watching.local_attempts import LocalLooker
from executors.watching.lost_tasks import Requeue
from executors.watching.reconciliation import Looker
from executors.watching.site_probe import SiteProbe
from executors.watching.snapshot import ClusterSnapshot
from terrakube_site.database.errors import is_locked

if TYPE_CHECKING:
    from executors.cluster.api import Cluster

logger = logging.getLogger(__name__)
RIGHTS_SECONDS = 300.0
EVENTS_AFTER_SECONDS = 5
EVENTS_EVERY_SECONDS = 9.0
"""One request per attempt that does not start, at most once per sweep, however often its pod changes."""


def open_attempts() -> QuerySet[Attempt]:
    """Return the attempts that are not over, with their steps; those of every cluster."""
    return Attempt.objects.exclude(state=AttemptState.ENDED).select_related("step")


@contextmanager
def skip_if_locked(attempt: Attempt) -> Iterator[None]:
    """Skip an attempt whose job is locked; the next pass takes it, and the others need not wait."""
    try:
        yield
    except DatabaseError as error:
        if not is_locked(error):
            raise
        logger.warning("Attempt %s is left to the next pass, since another process holds its job's lock", attempt)


class Sweep:
    """The passes of one watcher over the attempts of one cluster; for one thread.

    ``cluster`` is its name. The sweep of the cluster of the settings, "", also looks at all that runs in none.
    """

    def __init__(self, conf: Installation, *, limits: Patience | None = None, cluster: str = "") -> None:
        self._conf = conf
        self.cluster = cluster
        self.limits = limits or patience(conf)
        probe = SiteProbe(conf)
        self.looker = Looker(self.limits, max_attempts=conf.max_attempts, site_answers=probe.answers)
        self.local = LocalLooker(conf, self.limits)
        self.requeue = Requeue()
        self.cluster_wanted = False
        """Return True if an attempt needs a cluster."""
        self._events_asked: tuple[float, bool] | None = None
        self._answers = True
        """False from the first call of a pass that was not answered, so that the rest of the pass makes none."""
        self._events_at: dict[str, float] = {}
        """When the events of an attempt may be read next, on the monotonic clock."""

    def run(self, view: ClusterSnapshot | None, api: Cluster | None) -> None:
        """Make one pass; ``view`` None: the state of the cluster is unknown now."""
        opened = list(open_attempts())
        uncleaned = garbage_collection.forget_without_cluster(garbage_collection.uncleaned_attempts(self.cluster))
        left = list(lost_tasks.requeue_cancels(self.requeue, opened))
        self._inspect(opened, left, uncleaned, view, api)
        self.local.clear(uncleaned)
        if any(attempt.state in UNCLAIMED for attempt in opened):
            barred_attempts.end_barred_attempts()
        lost_tasks.requeue_launches(self.requeue)
        lost_tasks.requeue_steps(self.requeue)
        lost_tasks.requeue_jobs(self.requeue)
        lost_tasks.requeue_next_in_line(self.requeue)
        lost_tasks.release_workspaces()
        self.requeue.forget_old()

    def run_cluster(self, view: ClusterSnapshot | None, api: Cluster | None) -> None:
        """Make one pass over the attempts of this cluster alone, beside the sweep of the records."""
        opened = list(open_attempts().filter(cluster=self.cluster))
        left = [one for one in opened if one.state == AttemptState.INTERRUPTING or not one.step.is_final]
        self._inspect(opened, left, garbage_collection.uncleaned_attempts(self.cluster), view, api)

    def _inspect(
        self,
        opened: Iterable[Attempt],
        left: Iterable[Attempt],
        uncleaned: Sequence[Attempt],
        view: ClusterSnapshot | None,
        api: Cluster | None,
    ) -> None:
        """Look at the attempts of this cluster that are ``left`` of the open ones, and clean up after ended ones."""
        everything = (*(attempt for attempt in opened if attempt.cluster == self.cluster), *uncleaned)
        known = {str(attempt.pk) for attempt in everything}
        self.looker.forget_all_but(known)
        self._events_at = {attempt_id: at for attempt_id, at in self._events_at.items() if attempt_id in known}
        self.cluster_wanted = any(attempt.executor == ExecutorKind.KUBERNETES for attempt in everything)
        self._answers = True
        for attempt in left:
            if attempt.state == AttemptState.NEW or attempt.cluster != self.cluster:
                continue
            with skip_if_locked(attempt):
                if attempt.executor == ExecutorKind.LOCAL:
                    self.local.look_at(attempt)
                else:
                    self.look_at(attempt, view if self._answers else None, api)
        if view is not None and api is not None and self._answers:
            garbage_collection.clean_up_cluster(self.looker, uncleaned, view, api)
            garbage_collection.delete_orphan_jobs(view, api, self.cluster)
            garbage_collection.delete_finished_jobs(view, api, self._conf, self.cluster)

    def look_at(self, attempt: Attempt, view: ClusterSnapshot | None, api: Cluster | None) -> Act:
        """Inspect one open attempt that was launched into the cluster."""
        if view is None or api is None:
            return self.looker.inspect_without_cluster(attempt)
        attempt_id = str(attempt.pk)
        try:
            job = garbage_collection.find_job(attempt, view, api)
            pods = garbage_collection.find_pods(attempt, job, view, api)
        except ClusterError as error:
            self._answers = self._answers and error.status is not None
            return self.looker.inspect_without_cluster(attempt)
        act = self.looker.look_at(
            attempt, job, pods, departed=view.departed.get(attempt_id), events=self._events(attempt, job, pods, api)
        )
        if attempt.state == AttemptState.INTERRUPTING and job is not None and not is_leaving(job):
            # The request to cancel did not arrive.
            self.looker.stop(attempt)
        return act

    def _events(self, attempt: Attempt, job: Seen | None, pods: Sequence[Seen] | None, api: Cluster) -> Sequence[Seen]:
        """Return the events of a slow start if they may be read: often only they tell the cause."""
        quiet = _silent_start(job, pods) if attempt.claimed_at is None else None
        if quiet is None or timezone.now() < quiet.since + dt.timedelta(seconds=EVENTS_AFTER_SECONDS):
            return ()
        attempt_id, now = str(attempt.pk), time.monotonic()
        if now < self._events_at.get(attempt_id, 0.0):
            return ()
        self._events_at[attempt_id] = now + EVENTS_EVERY_SECONDS
        try:
            return (
                api.list_events(attempt.namespace, quiet.name) if self._may_see_events(api, attempt.namespace) else ()
            )
        except ClusterError as error:
            logger.debug("The events of %s cannot be seen: %s", quiet.name, error)
        return ()

    def _may_see_events(self, api: Cluster, namespace: str) -> bool:
        now = time.monotonic()
        if self._events_asked is None or now - self._events_asked[0] > RIGHTS_SECONDS:
            self._events_asked = (now, api.may("list", "events", namespace))
        return self._events_asked[1]


@dataclass(frozen=True, slots=True)
class _SilentStart:
    """A Job or pod that is starting without any message, and since when."""

    name: str
    since: dt.datetime


def _silent_start(job: Seen | None, pods: Sequence[Seen] | None) -> _SilentStart | None:
    if job is None or pods is None:
        return None
    pod = newest(pods)
    if pod is None:
        created = when(job["metadata"].get("creationTimestamp"))
        return _SilentStart(job["metadata"]["name"], created) if created is not None and job_end(job) is None else None
    refused = condition(pod, "PodScheduled", "False")
    if refused is not None:
        # Only an event tells that a node is being added for it.
        since = when(refused.get("lastTransitionTime"))
        return _SilentStart(pod["metadata"]["name"], since) if since is not None else None
    scheduled, one = condition(pod, "PodScheduled"), container(pod)
    since = when(scheduled.get("lastTransitionTime")) if scheduled is not None else None
    preparing = one.waiting is None or one.waiting.get("reason") in {"ContainerCreating", "PodInitializing"}
    quiet = since is not None and preparing and one.running is None and one.terminated is None
    return _SilentStart(pod["metadata"]["name"], since) if quiet and since is not None else None
