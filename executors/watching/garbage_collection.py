"""Clean up after attempts: Jobs to delete, executors to prove gone, orphan Jobs."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from executors.attempts import cleanup
from executors.choices import AttemptOutcome, AttemptState, ExecutorKind
from executors.cluster import ClusterError
from executors.installation.settings import Installation
from executors.launching.manifest import ATTEMPT_LABEL
from executors.models import Attempt
from executors.watching.diagnosis.statuses import (
    Seen,
    as_uuid,
    attempt_of,
    is_leaving,
    is_outlived,
    is_pod_over,
    job_end,
    trimmed,
)
from executors.watching.late_reasons import learn_why
from executors.watching.reconciliation import Looker
from executors.watching.snapshot import ClusterSnapshot
from workspaces.models import Cluster as Record

if TYPE_CHECKING:
    from executors.cluster.api import Cluster

logger = logging.getLogger(__name__)
AT_ONCE = 200
"""Maximum number of attempts per pass; the next pass takes the rest."""
LINGER_SECONDS = 60
"""Time that a pod may stay after its executor's last report, besides its grace period."""
TTL_GRACE_SECONDS = 60
"""Time after its TTL at which this site deletes a finished Job itself."""
_REPORTED = frozenset(
    {AttemptOutcome.SUCCEEDED, AttemptOutcome.FAILED, AttemptOutcome.CANCELLED, AttemptOutcome.KILLED}
)


def uncleaned_attempts(cluster: str = "") -> list[Attempt]:
    """Return the ended attempts of a cluster that may have left something behind, oldest first.

    With those of the cluster of the settings come the ones that no watch looks after; see ``forget_without_cluster``.
    """
    mine = Q(cluster=cluster)
    if not cluster:
        mine |= Q(launched_at=None, claimed_at=None) & ~Q(cluster__in=Record.objects.values("name"))
    query = Attempt.objects.filter(mine, state=AttemptState.ENDED, cleaned_at=None).select_related("step")
    return list(query.order_by("ended_at")[:AT_ONCE])


def forget_without_cluster(ended: Iterable[Attempt]) -> list[Attempt]:
    """Keep that nothing is left of the ones that were never launched and whose cluster has no record; return the rest.

    Such a cluster was never there or was deleted, and no record is deleted while something of an attempt may be there.
    """
    rest = []
    for attempt in ended:
        if attempt.cluster:
            cleanup.mark_gone(attempt)
        else:
            rest.append(attempt)
    return rest


def clean_up_cluster(looker: Looker, ended: Iterable[Attempt], view: ClusterSnapshot, api: Cluster) -> None:
    """Remove everything of ended attempts from the cluster except finished Jobs. A failed call is retried later."""
    for attempt in ended:
        if attempt.executor != ExecutorKind.KUBERNETES:
            continue
        try:
            _clean_up(looker, attempt, view, api)
        except ClusterError as error:
            logger.warning("Attempt %s could not be cleared away yet: %s", attempt, error)
            return


def _clean_up(looker: Looker, attempt: Attempt, view: ClusterSnapshot, api: Cluster) -> None:
    now, attempt_id = timezone.now(), str(attempt.pk)
    job = find_job(attempt, view, api)
    pods = find_pods(attempt, job, view, api)
    ended_at = attempt.ended_at or now
    learn_why(attempt, job, pods, view.departed.get(attempt_id), now=now)
    if job is None:
        if attempt.claimed_at is None and now < ended_at + dt.timedelta(seconds=LINGER_SECONDS):
            # Its launcher may be about to create the Job, and then deletes it itself; this is for a launcher that dies
            # in between.
            return
        attempt.missing_since = attempt.missing_since or looker.absent_since(attempt, now)
    if looker.is_gone(attempt, job, pods, now):
        cleanup.mark_gone(attempt)
    elif job is not None and not is_leaving(job) and job_end(job) is None:
        # After its last report an executor ends by itself.
        patient = attempt.outcome in _REPORTED and attempt.claimed_at is not None and attempt.cancelled_at is None
        linger = dt.timedelta(seconds=LINGER_SECONDS if patient else 0)
        if now >= ended_at + linger:
            looker.stop(attempt)


def find_job(attempt: Attempt, view: ClusterSnapshot, api: Cluster) -> Seen | None:
    """Return the attempt's Job. Confirm its absence with the API: the snapshot may be stale.

    Raises ClusterError.
    """
    namespace = attempt.namespace or view.namespace
    if namespace == view.namespace:
        job = view.jobs.get(str(attempt.pk))
        if job is not None:
            return job
    found = api.read_job(namespace, attempt.job_name)
    return found if found is not None and attempt_of(found) == str(attempt.pk) else None


def find_pods(attempt: Attempt, job: Seen | None, view: ClusterSnapshot, api: Cluster) -> Sequence[Seen] | None:
    """Return the attempt's pods, None if they cannot be read; ``job`` is its Job, as ``find_job`` found it.

    Where they could prove that nothing runs, they are listed anew: a watch that hears nothing misses a pod, and a Job
    that somebody deleted is gone before its pods are. Raises ClusterError.
    """
    # Without a namespace its launcher died before it could record it, and it is this one.
    if view.pods is None or attempt.namespace not in ("", view.namespace):
        return None
    pods = view.pods_of(str(attempt.pk)) or ()
    outlived = bool(pods) and all(map(is_outlived, pods))
    if not outlived and (job is not None or not all(map(is_pod_over, pods))):
        return pods
    found, _version = api.list_pods(view.namespace, f"{ATTEMPT_LABEL}={attempt.pk}")
    return [trimmed(one) for one in found]


def delete_finished_jobs(view: ClusterSnapshot, api: Cluster, conf: Installation, cluster: str = "") -> None:
    """Delete Jobs that are over, cleaned up, and too old or too many.

    The cluster itself deletes by the Job's TTL; this is for a cluster whose TTL controller does not work.
    """
    now = timezone.now()
    over = {attempt_id: end for attempt_id, job in view.jobs.items() if (end := _over_since(job)) is not None}
    oldest_first = sorted(over, key=lambda attempt_id: over[attempt_id])
    limit = conf.keep_finished_jobs
    too_many = set(oldest_first[: max(0, len(oldest_first) - limit)]) if limit is not None else set()
    too_old = now - dt.timedelta(seconds=conf.ttl_seconds + TTL_GRACE_SECONDS)
    named = [attempt_id for attempt_id in oldest_first if attempt_id in too_many or over[attempt_id] < too_old]
    ids = [pk for pk in map(as_uuid, named[:AT_ONCE]) if pk is not None]
    cleaned = _over_in(cluster, ids)
    for attempt in cleaned:
        try:
            api.delete_job(view.namespace, view.jobs[str(attempt.pk)]["metadata"]["name"])
        except ClusterError as error:
            logger.warning("The finished Job of %s could not be deleted yet: %s", attempt, error)
            return


def _over_in(cluster: str, ids: Sequence[UUID]) -> Iterable[Attempt]:
    """Return which of these attempts of a cluster are over and cleaned up."""
    over = Attempt.objects.filter(state=AttemptState.ENDED, cleaned_at__isnull=False, cluster=cluster)
    return over.filter(pk__in=ids) if ids else ()


def _over_since(job: Seen) -> dt.datetime | None:
    end = job_end(job)
    return end.at if end is not None and not is_leaving(job) else None


def delete_orphan_jobs(view: ClusterSnapshot, api: Cluster, cluster: str = "") -> None:
    """Delete unfinished Jobs of attempts that are over and cleaned up.

    A Job with an unknown attempt may belong to another site in the same namespace. One of a deleted organization needs
    no care: its executor is told that it is over, and ends.
    """
    running = {attempt_id: job for attempt_id, job in view.jobs.items() if job_end(job) is None and not is_leaving(job)}
    ids = [pk for pk in map(as_uuid, running) if pk is not None]
    for attempt in _over_in(cluster, ids):
        job = running[str(attempt.pk)]
        name = job["metadata"]["name"]
        logger.warning("Job %s in namespace %s is deleted: its attempt is over", name, view.namespace)
        try:
            api.delete_job(view.namespace, name)
        except ClusterError as error:
            logger.warning("Job %s could not be deleted yet: %s", name, error)
            return
