"""One pass over everything that is under way: the truth, which the watch only makes quick.

Whatever process died at whatever point, and whatever message was lost, the next pass finds what was left undone. Its
number of queries does not grow with what is idle, and no call to the cluster is made within a transaction.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import QuerySet
from django.utils import timezone

from executors.choices import AttemptState, ExecutorKind
from executors.cluster import ClusterError
from executors.conf import Installation
from executors.models import Attempt
from executors.watching import ended, lost_tasks
from executors.watching.decisions import Act, Patience, patience
from executors.watching.local_attempts import LocalLooker
from executors.watching.look import Looker
from executors.watching.lost_tasks import Requeue
from executors.watching.site_probe import SiteProbe
from executors.watching.statuses import Seen, condition, container, is_leaving, job_end, newest, when
from executors.watching.view import View

if TYPE_CHECKING:
    from executors.cluster.api import Cluster

logger = logging.getLogger(__name__)
RIGHTS_SECONDS = 300.0
EVENTS_AFTER_SECONDS = 5
EVENTS_EVERY_SECONDS = 9.0
"""One request for each attempt that does not start, at most once for each sweep, however much its pod changes."""


def open_attempts() -> QuerySet[Attempt]:
    """The attempts that are not over, with their steps."""
    return Attempt.objects.exclude(state=AttemptState.ENDED).select_related("step")


class Sweep:
    """The passes of one watcher; for one thread."""

    def __init__(self, conf: Installation, *, limits: Patience | None = None) -> None:
        self._conf = conf
        self.limits = limits or patience(conf)
        probe = SiteProbe(conf)
        self.looker = Looker(self.limits, max_attempts=conf.max_attempts, site_answers=probe.answers)
        self.local = LocalLooker(conf, self.limits)
        self.requeue = Requeue()
        self.cluster_wanted = False
        """Whether an attempt needs a cluster."""
        self._events_asked: tuple[float, bool] | None = None
        self._events_at: dict[str, float] = {}
        """When the events of an attempt may be asked for next, on the monotonic clock."""

    def run(self, view: View | None, api: Cluster | None) -> None:
        """Make one pass; ``view`` None: what is in the cluster is not known now."""
        opened = list(open_attempts())
        uncleaned = ended.uncleaned()
        everything = (*opened, *uncleaned)
        known = {str(attempt.pk) for attempt in everything}
        self.looker.forget_all_but(known)
        self._events_at = {attempt_id: at for attempt_id, at in self._events_at.items() if attempt_id in known}
        self.cluster_wanted = any(attempt.executor == ExecutorKind.KUBERNETES for attempt in everything)
        for attempt in lost_tasks.cancel_steps(self.requeue, opened):
            if attempt.state == AttemptState.NEW:
                continue
            if attempt.executor == ExecutorKind.LOCAL:
                self.local.look_at(attempt)
            else:
                self.look_at(attempt, view, api)
        self.local.clear(uncleaned)
        if view is not None and api is not None:
            ended.clear_cluster(self.looker, uncleaned, view, api)
            ended.delete_orphans(view, api)
            ended.delete_finished(view, api, self._conf)
        lost_tasks.launch_due(self.requeue)
        lost_tasks.relaunch_steps(self.requeue)
        lost_tasks.advance_jobs(self.requeue)
        lost_tasks.fill_room(self.requeue)
        lost_tasks.release_workspaces()
        self.requeue.forget_old()

    def look_at(self, attempt: Attempt, view: View | None, api: Cluster | None) -> Act:
        """Look at one open attempt that was launched into the cluster."""
        if view is None or api is None:
            return self.looker.look_blindly(attempt)
        attempt_id = str(attempt.pk)
        try:
            job = ended.find_job(attempt, view, api)
        except ClusterError:
            return self.looker.look_blindly(attempt)
        # Without a namespace its launcher died before it could write it, and it is this one.
        pods = view.pods_of(attempt_id) if attempt.namespace in ("", view.namespace) else None
        act = self.looker.look_at(
            attempt, job, pods, departed=view.departed.get(attempt_id), events=self._events(attempt, job, pods, api)
        )
        if attempt.state == AttemptState.INTERRUPTING and job is not None and not is_leaving(job):
            # Whoever cancelled it was not heard.
            self.looker.stop(attempt)
        return act

    def _events(self, attempt: Attempt, job: Seen | None, pods: Sequence[Seen] | None, api: Cluster) -> Sequence[Seen]:
        """The events of a start that takes long, where they may be seen: often only they tell why."""
        quiet = _quietly_starting(job, pods) if attempt.claimed_at is None else None
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
class _Quiet:
    """A Job or pod that is on its way without a word, and since when."""

    name: str
    since: dt.datetime


def _quietly_starting(job: Seen | None, pods: Sequence[Seen] | None) -> _Quiet | None:
    if job is None or pods is None:
        return None
    pod = newest(pods)
    if pod is None:
        created = when(job["metadata"].get("creationTimestamp"))
        return _Quiet(job["metadata"]["name"], created) if created is not None and job_end(job) is None else None
    refused = condition(pod, "PodScheduled", "False")
    if refused is not None:
        # Only an event tells that a node is being added for it.
        since = when(refused.get("lastTransitionTime"))
        return _Quiet(pod["metadata"]["name"], since) if since is not None else None
    scheduled, one = condition(pod, "PodScheduled"), container(pod)
    since = when(scheduled.get("lastTransitionTime")) if scheduled is not None else None
    preparing = one.waiting is None or one.waiting.get("reason") in {"ContainerCreating", "PodInitializing"}
    quiet = since is not None and preparing and one.running is None and one.terminated is None
    return _Quiet(pod["metadata"]["name"], since) if quiet and since is not None else None
