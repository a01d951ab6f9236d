"""Jobs that should move and do not: a pod that does not start, an executor that is silent, a task that nobody took."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from executors.choices import AttemptState
from executors.models import Attempt
from workspaces.choices import FINAL_JOB, JobStatus
from workspaces.models import Job, Step
from workspaces.reasons import in_language

STUCK_AFTER = dt.timedelta(minutes=2)
"""What has not moved for so long is stuck; before, it has just started."""
_MOST = 12
_JUST_LAUNCHED = "starting"


@dataclass(frozen=True, slots=True)
class Stuck:
    """A job that does not move, since when, and why as a sentence in the language of the page."""

    job: Job
    since: dt.datetime
    why: str


def stuck_jobs(unfinished: Sequence[Job], visible: QuerySet[Job], now: dt.datetime) -> list[Stuck]:
    """Return the jobs that do not move, the longest first.

    ``unfinished`` are the open jobs that the user may see, ``visible`` all of them.
    """
    before = now - STUCK_AFTER
    found = [
        *_not_started([job for job in unfinished if job.status == JobStatus.QUEUE], before),
        *_silent([job for job in unfinished if job.status == JobStatus.RUNNING], before),
        *_not_taken([job for job in unfinished if job.status in {JobStatus.PENDING, JobStatus.APPROVED}], before),
        *_not_gone(visible, before),
    ]
    return sorted(found, key=lambda one: one.since)


def _not_started(queued: Sequence[Job], before: dt.datetime) -> list[Stuck]:
    """Jobs whose step was handed to an executor that does not begin."""
    if not queued:
        return []
    steps = Step.objects.filter(job__in=[job.pk for job in queued], status=JobStatus.QUEUE, queued_at__lt=before)
    since = {job: at for job, at in steps.values_list("job", "queued_at") if at is not None}
    return [Stuck(job, since[job.pk], _told(job)) for job in queued if job.pk in since]


def _told(job: Job) -> str:
    """What the cluster says of a step that does not start; that it starts is what the site said at its launch."""
    said = "" if job.reason_code == _JUST_LAUNCHED else in_language(job.why)
    return said or _("The executor of the step has not started.")


def _silent(running: Sequence[Job], before: dt.datetime) -> list[Stuck]:
    """Jobs whose executor began and sends no sign of life."""
    if not running:
        return []
    jobs = {job.pk: job for job in running}
    claimed = Attempt.objects.exclude(state=AttemptState.ENDED).filter(
        step__job__in=list(jobs), heartbeat_at__lt=before
    )
    return [
        Stuck(jobs[key], at, _("The executor of the step sends no heartbeat."))
        for key, at in claimed.values_list("step__job", "heartbeat_at")
        if at is not None
    ]


def _not_taken(waiting: Sequence[Job], before: dt.datetime) -> list[Stuck]:
    """Jobs that wait for nothing, and still no worker takes them."""
    return [
        Stuck(job, job.updated_date, _("The job is ready, but the worker does not start it."))
        for job in waiting
        if not job.reason_code and not job.reason and not _is_in_line(job) and job.updated_date < before
    ]


def _is_in_line(job: Any) -> bool:
    return bool(job.waits_for_room) or bool(getattr(job, "place", None))


def _not_gone(visible: QuerySet[Job], before: dt.datetime) -> list[Stuck]:
    """Ended jobs whose pod is not known to be gone, so that their workspace stays taken."""
    ended = visible.filter(holds_workspace=True, status__in=sorted(FINAL_JOB), ended_at__lt=before)
    why = _("The job has ended, but its pod may still exist: no other job of the workspace can start.")
    return [Stuck(job, job.ended_at, why) for job in ended.order_by("ended_at")[:_MOST] if job.ended_at]
