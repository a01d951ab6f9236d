"""What is left of attempts that are over: Jobs to delete, executors to prove gone, and Jobs of nobody."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.utils import timezone

from executors import cleaning
from executors.choices import AttemptOutcome, AttemptState, ExecutorKind
from executors.cluster import ClusterError
from executors.conf import Installation
from executors.models import Attempt
from executors.watching.afterwards import learn_why
from executors.watching.look import Looker
from executors.watching.statuses import Seen, as_uuid, attempt_of, is_leaving, job_end
from executors.watching.view import View

if TYPE_CHECKING:
    from executors.cluster.api import Cluster

logger = logging.getLogger(__name__)
AT_ONCE = 200
"""How many attempts one pass looks after; the rest is for the next one."""
LINGER_SECONDS = 60
"""How long a pod may stay after its executor's last word, beside its own time to end."""
TTL_GRACE_SECONDS = 60
"""How much later than its time to live a finished Job is deleted by us."""
_REPORTED = frozenset(
    {AttemptOutcome.SUCCEEDED, AttemptOutcome.FAILED, AttemptOutcome.CANCELLED, AttemptOutcome.KILLED}
)


def uncleaned() -> list[Attempt]:
    """The attempts that are over and of which something may be left, oldest first."""
    query = Attempt.objects.filter(state=AttemptState.ENDED, cleaned_at=None).select_related("step")
    return list(query.order_by("ended_at")[:AT_ONCE])


def clear_cluster(looker: Looker, ended: Iterable[Attempt], view: View, api: Cluster) -> None:
    """Leave nothing of ended attempts in the cluster but finished Jobs. A cluster that fails is asked again later."""
    for attempt in ended:
        if attempt.executor != ExecutorKind.KUBERNETES:
            continue
        try:
            _clear(looker, attempt, view, api)
        except ClusterError as error:
            logger.warning("Attempt %s could not be cleared away yet: %s", attempt, error)
            return


def _clear(looker: Looker, attempt: Attempt, view: View, api: Cluster) -> None:
    now, attempt_id = timezone.now(), str(attempt.pk)
    job, pods = find_job(attempt, view, api), view.pods_of(attempt_id)
    ended_at = attempt.ended_at or now
    learn_why(attempt, job, pods, view.departed.get(attempt_id), now=now)
    if job is None:
        if attempt.claimed_at is None and now < ended_at + dt.timedelta(seconds=LINGER_SECONDS):
            # Its launcher may be about to create it, and ends it itself then; this is for one that dies in between.
            return
        attempt.missing_since = attempt.missing_since or looker.absent_since(attempt, now)
    if looker.is_gone(attempt, job, pods, now):
        cleaning.prove_gone(attempt)
    elif job is not None and not is_leaving(job) and job_end(job) is None:
        # After its last word an executor ends by itself.
        patient = attempt.outcome in _REPORTED and attempt.claimed_at is not None and attempt.cancelled_at is None
        linger = dt.timedelta(seconds=LINGER_SECONDS if patient else 0)
        if now >= ended_at + linger:
            looker.stop(attempt)


def find_job(attempt: Attempt, view: View, api: Cluster) -> Seen | None:
    """The attempt's Job. That it is not there is asked once more, as a view may be a moment behind.

    Raises ClusterError.
    """
    namespace = attempt.namespace or view.namespace
    if namespace == view.namespace:
        job = view.jobs.get(str(attempt.pk))
        if job is not None:
            return job
    found = api.read_job(namespace, attempt.job_name)
    return found if found is not None and attempt_of(found) == str(attempt.pk) else None


def delete_finished(view: View, api: Cluster, conf: Installation) -> None:
    """Delete Jobs that are over, known to be cleaned up, and too old or too many.

    By age that is the cluster's own task, which it does by the Job's time to live; this is for a cluster whose
    controller for that is away.
    """
    now = timezone.now()
    over = {attempt_id: end for attempt_id, job in view.jobs.items() if (end := _over_since(job)) is not None}
    oldest_first = sorted(over, key=lambda attempt_id: over[attempt_id])
    limit = conf.keep_finished_jobs
    too_many = set(oldest_first[: max(0, len(oldest_first) - limit)]) if limit is not None else set()
    too_old = now - dt.timedelta(seconds=conf.ttl_seconds + TTL_GRACE_SECONDS)
    named = [attempt_id for attempt_id in oldest_first if attempt_id in too_many or over[attempt_id] < too_old]
    ids = [pk for pk in map(as_uuid, named[:AT_ONCE]) if pk is not None]
    cleaned = Attempt.objects.filter(pk__in=ids, state=AttemptState.ENDED, cleaned_at__isnull=False) if ids else ()
    for attempt in cleaned:
        try:
            api.delete_job(view.namespace, view.jobs[str(attempt.pk)]["metadata"]["name"])
        except ClusterError as error:
            logger.warning("The finished Job of %s could not be deleted yet: %s", attempt, error)
            return


def _over_since(job: Seen) -> dt.datetime | None:
    end = job_end(job)
    return end.at if end is not None and not is_leaving(job) else None


def delete_orphans(view: View, api: Cluster) -> None:
    """Delete the unfinished Jobs of attempts that are over and cleaned up.

    A Job whose attempt this site does not know may be another site's, in the same namespace. One of a deleted
    organization needs no care: its executor is told that it is over, and ends.
    """
    running = {attempt_id: job for attempt_id, job in view.jobs.items() if job_end(job) is None and not is_leaving(job)}
    ids = [pk for pk in map(as_uuid, running) if pk is not None]
    over = Attempt.objects.filter(pk__in=ids, state=AttemptState.ENDED, cleaned_at__isnull=False) if ids else ()
    for attempt in over:
        job = running[str(attempt.pk)]
        name = job["metadata"]["name"]
        logger.warning("Job %s in namespace %s is deleted: its attempt is over", name, view.namespace)
        try:
            api.delete_job(view.namespace, name)
        except ClusterError as error:
            logger.warning("Job %s could not be deleted yet: %s", name, error)
            return
