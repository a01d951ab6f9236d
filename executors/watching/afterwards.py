"""Why a pod was told to stop, where the cluster tells that only after its executor has said that it was."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import transaction

from executors import attempts
from executors.choices import EventKind
from executors.models import Attempt
from executors.reasons import Said, say
from executors.reports import STOPPED, UNEXPLAINED
from executors.watching.diagnosis import diagnose
from executors.watching.look import LEAVING
from executors.watching.statuses import Seen, is_leaving, is_pod_over, newest
from workspaces.rewording import reword
from workspaces.texts import fitting

LEARN_SECONDS = 30
"""How long after a report the cluster is asked: less than that after which this site itself deletes the Job."""


def learn_why(
    attempt: Attempt, job: Seen | None, pods: Sequence[Seen] | None, departed: Seen | None, *, now: dt.datetime
) -> None:
    """Give an attempt whose pod was stopped nobody knew why the reason that the cluster shows by now, if any."""
    ended_at = attempt.ended_at
    if attempt.reason_code != STOPPED or ended_at is None or now > ended_at + dt.timedelta(seconds=LEARN_SECONDS):
        return
    said = _why(job, pods or ([departed] if departed is not None else []))
    if said is None:
        return
    reason = attempt.reason.replace(UNEXPLAINED, said.sentence)
    with transaction.atomic():
        attempts.lock_job(attempt.step_id)
        changed = Attempt.objects.filter(pk=attempt.pk, reason_code=STOPPED).update(
            reason_code=said.code, reason=fitting(reason, 1024)
        )
        if changed:
            attempts.record(attempt, EventKind.LEAVING, said.sentence)
            reword(attempt.step_id, instead_of=STOPPED, code=said.code, reason=reason)


def _why(job: Seen | None, pods: Sequence[Seen]) -> Said | None:
    pod = newest(pods)
    if pod is None:
        return None
    if job is None:
        # No time to live takes a Job whose pod is not over.
        return None if is_pod_over(pod) else say("job-deleting")
    found = diagnose(job, pods)
    if found.code in LEAVING:
        return Said(code=found.code, sentence=found.sentence)
    return say("pod-deleted") if found.code == STOPPED and is_leaving(pod) else None
