"""Reasons of a stopped pod that the cluster tells only after its executor has reported."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import transaction

from executors.attempts import lifecycle
from executors.attempts.reported_result import STOPPED
from executors.choices import EventKind
from executors.models import Attempt
from executors.watching import looks
from executors.watching.diagnosis.pods import diagnose
from executors.watching.diagnosis.statuses import Seen, is_leaving, is_pod_over, newest
from executors.watching.reconciliation import LEAVING
from workspaces.jobs.late_reasons import reword
from workspaces.reasons import Reason, reason

LEARN_SECONDS = 30
"""Time after a report in which the cluster is asked; shorter than the time after which this site deletes the Job."""


def learn_why(
    attempt: Attempt, job: Seen | None, pods: Sequence[Seen] | None, departed: Seen | None, *, now: dt.datetime
) -> None:
    """Store the cluster's reason for an attempt whose pod was stopped for an unknown one, if there is a reason by
    now.
    """
    ended_at = attempt.ended_at
    if attempt.reason_code != STOPPED or ended_at is None or now > ended_at + dt.timedelta(seconds=LEARN_SECONDS):
        return
    why = late_reason(job, pods or ([departed] if departed is not None else []))
    if why is None:
        return
    # What is known now takes the place of what was not, in the frame that says how the executor ended.
    ended = attempt.why
    better = reason(why.code, ended.form, **{**ended.words, "reason": why}) if "reason" in ended.words else why
    with transaction.atomic():
        locked = lifecycle.lock_job(attempt.step_id)
        learnt = bool(Attempt.objects.filter(pk=attempt.pk, reason_code=STOPPED).update(**better.columns))
        if learnt:
            lifecycle.record_event(attempt, EventKind.LEAVING, why)
            reword(locked, better, instead_of=STOPPED)
    if learnt:
        looks.store_late_reason(attempt, looks.Sight(job=job, pods=pods, departed=departed), why, now=now)


def late_reason(job: Seen | None, pods: Sequence[Seen]) -> Reason | None:
    """Return why the cluster stopped a pod whose executor has reported; None if it does not tell. Pure."""
    pod = newest(pods)
    if pod is None:
        return None
    if job is None:
        # The TTL removes no Job whose pod is still there.
        return None if is_pod_over(pod) else reason("job-deleting")
    found = diagnose(job, pods)
    if found.code in LEAVING:
        return found.why
    return reason("pod-deleted") if found.code == STOPPED and is_leaving(pod) else None
