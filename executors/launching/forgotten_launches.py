"""Launches that this site's database does not know, because it was restored to a moment before them.

A workspace may have chosen another cluster since that moment, so each one is asked in which the step could have been
launched. One that does not answer holds up no step of another: it is left out, and the log says so.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from executors.cluster import ClusterError, NoCluster
from executors.clusters.reaching import RETRY_SECONDS, Place, calling, place_of, place_of_record
from executors.launching.errors import LaunchError
from executors.launching.manifest import ATTEMPT_LABEL, LAUNCHED_AS, LAUNCHED_AT
from executors.models import Attempt
from workspaces.models import Cluster as Record
from workspaces.pods import RESERVED_LABEL_PREFIX
from workspaces.pods.catalogue import DEFAULT_CLUSTER
from workspaces.reasons import Reason, reason

if TYPE_CHECKING:
    from executors.cluster import Manifest
    from executors.cluster.api import Cluster
    from executors.installation.settings import Installation

logger = logging.getLogger(__name__)
CODE = "launched-before"
OLD = dt.timedelta(seconds=10)
"""A younger job cannot have been launched before a restore."""
_OVER = {"Complete": "end-job-complete", "Failed": "end-job-failed"}
_ELSEWHERE = {
    "end-job-complete": "end-job-complete-elsewhere",
    "end-job-failed": "end-job-failed-elsewhere",
    "end-job-open": "end-job-open-elsewhere",
}


def created_at(job: Manifest) -> dt.datetime | None:
    """Return when the cluster created a Job."""
    text = job["metadata"].get("creationTimestamp")
    return text if isinstance(text, dt.datetime) else parse_datetime(str(text or ""))


def refuse(api: Cluster, namespace: str, attempt: Attempt) -> None:
    """Raise LaunchError if the cluster has a Job of this step that belongs to none of its attempts.

    Each database counts its jobs, so after a restore a new job can get the number of a lost one. A cluster Job of
    the same number that is older than the job itself tells them apart. Raises ClusterError.
    """
    if not _is_new(attempt) and (found := _unknown_job(api, namespace, attempt)) is not None:
        raise _refusal(found)


def refuse_elsewhere(attempt: Attempt, conf: Installation) -> None:
    """Raise LaunchError if another cluster has such a Job; ``conf`` are the installation's settings.

    Asked are that of the settings and the enabled ones that the organization may use, but for the attempt's own.
    """
    if _is_new(attempt):
        return
    for place in _other_places(attempt, conf):
        try:
            with calling(place) as api:
                found = _unknown_job(api, place.conf.namespace, attempt)
        except ClusterError as error:
            if place.record is None:
                _settings_cluster.note(error)
            logger.warning("Cluster %s was not searched for an earlier launch of %s: %s", _shown(place), attempt, error)
            continue
        if found is not None:
            raise _refusal(found, _shown(place))


class _SettingsCluster:
    """Whether the cluster of the settings failed a moment ago: no record says so."""

    def __init__(self) -> None:
        self._until = 0.0

    def note(self, error: ClusterError) -> None:
        if not isinstance(error, NoCluster):
            self._until = time.monotonic() + RETRY_SECONDS

    @property
    def failed_now(self) -> bool:
        return time.monotonic() < self._until


_settings_cluster = _SettingsCluster()


def _other_places(attempt: Attempt, conf: Installation) -> Iterator[Place]:
    if attempt.cluster and not _settings_cluster.failed_now:
        yield place_of("", conf)
    organization_id = attempt.step.job.organization_id
    usable = Record.objects.to_reach().filter(enabled=True, silent_since=None).exclude(name=attempt.cluster)
    for record in usable.filter(Q(restricted=False) | Q(organizations=organization_id)).distinct():
        yield place_of_record(record, conf)


def _shown(place: Place) -> str:
    return place.name or DEFAULT_CLUSTER


def _is_new(attempt: Attempt) -> bool:
    return timezone.now() - attempt.step.job.created_date < OLD


def _unknown_job(api: Cluster, namespace: str, attempt: Attempt) -> Manifest | None:
    """Return a Job of this step that belongs to none of its attempts. Raises ClusterError."""
    job, prefix = attempt.step.job, RESERVED_LABEL_PREFIX
    found, _version = api.list_jobs(namespace, f"{prefix}job={job.pk},{prefix}workspace={job.workspace_id}")
    if not found:
        return None
    ours = {str(pk): name for pk, name in attempt.step.attempts.values_list("pk", "job_name")}
    for one in found:
        named, made = _launched_as(one)
        of_step = named.startswith(f"job-{job.pk}-{attempt.step.step_number}-")
        known = _is_known(one, ours)
        if of_step and not known and made is not None and made >= job.created_date.replace(microsecond=0):
            return one
    return None


def _launched_as(job: Manifest) -> tuple[str, dt.datetime | None]:
    """Return the name that tells whose a Job is, and since when; a warm pod's is older, with a name of its own."""
    annotations = job["metadata"].get("annotations") or {}
    if LAUNCHED_AS in annotations:
        return annotations[LAUNCHED_AS], parse_datetime(annotations.get(LAUNCHED_AT, ""))
    return job["metadata"]["name"], created_at(job)


def _is_known(job: Manifest, ours: Mapping[str, str]) -> bool:
    """Return True if a Job belongs to one of the attempts, given as their Jobs' names by id.

    An attempt whose warm pod the database does not know would be launched again, unlike one whose Job is found by its
    name. One that has given up its pod has deleted the Job.
    """
    metadata = job["metadata"]
    name = ours.get(metadata.get("labels", {}).get(ATTEMPT_LABEL, ""))
    is_warm = LAUNCHED_AS in (metadata.get("annotations") or {})
    return name is not None and (not is_warm or name == metadata["name"] or "deletionTimestamp" in metadata)


def _refusal(job: Manifest, cluster: str = "") -> LaunchError:
    """Return why the step is not launched; ``cluster`` is the name of another one in which the Job is."""
    conditions = job.get("status", {}).get("conditions") or ()
    over = next((_OVER[row["type"]] for row in conditions if row["type"] in _OVER and row["status"] == "True"), "")
    end = _end(over or "end-job-open", job["metadata"]["name"], cluster)
    if over:
        return LaunchError(reason(CODE, end=end).with_advice())
    # A running executor learns that it is unknown and ends; until then its workspace is in use.
    return LaunchError(reason(CODE, end=end), retryable=True)


def _end(form: str, name: str, cluster: str) -> Reason:
    if cluster:
        return reason("", _ELSEWHERE[form], name=name, cluster=cluster)
    return reason("", form, name=name)
