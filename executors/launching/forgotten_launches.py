"""Launches that this site's database does not know, because it was restored to a moment before them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from executors.launching.errors import LaunchError
from executors.launching.manifest import ATTEMPT_LABEL
from executors.models import Attempt
from workspaces.pods import RESERVED_LABEL_PREFIX
from workspaces.reasons import reason

if TYPE_CHECKING:
    from executors.cluster import Manifest
    from executors.cluster.api import Cluster

CODE = "launched-before"
OLD = dt.timedelta(seconds=10)
"""A younger job cannot have been launched before a restore."""
_OVER = {"Complete": "end-job-complete", "Failed": "end-job-failed"}


def created_at(job: Manifest) -> dt.datetime | None:
    """Return when the cluster created a Job."""
    text = job["metadata"].get("creationTimestamp")
    return text if isinstance(text, dt.datetime) else parse_datetime(str(text or ""))


def refuse(api: Cluster, namespace: str, attempt: Attempt) -> None:
    """Raise LaunchError if the cluster has a Job of this step that belongs to none of its attempts.

    Each database counts its jobs, so after a restore a new job can get the number of a lost one. A cluster Job of
    the same number that is older than the job itself tells them apart. Raises ClusterError.
    """
    job = attempt.step.job
    if timezone.now() - job.created_date < OLD:
        return
    prefix = RESERVED_LABEL_PREFIX
    found, _version = api.list_jobs(namespace, f"{prefix}job={job.pk},{prefix}workspace={job.workspace_id}")
    ours = {str(pk) for pk in attempt.step.attempts.values_list("pk", flat=True)}
    for one in found:
        named, made = one["metadata"]["name"], created_at(one)
        of_step = named.startswith(f"job-{job.pk}-{attempt.step.step_number}-")
        known = one["metadata"].get("labels", {}).get(ATTEMPT_LABEL, "") in ours
        if of_step and not known and made is not None and made >= job.created_date.replace(microsecond=0):
            raise _refusal(one)


def _refusal(job: Manifest) -> LaunchError:
    name = job["metadata"]["name"]
    conditions = job.get("status", {}).get("conditions") or ()
    over = next((_OVER[row["type"]] for row in conditions if row["type"] in _OVER and row["status"] == "True"), "")
    if over:
        return LaunchError(reason(CODE, end=reason("", over, name=name)).with_advice())
    # A running executor learns that it is unknown and ends; until then its workspace is in use.
    return LaunchError(reason(CODE, end=reason("", "end-job-open", name=name)), retryable=True)
