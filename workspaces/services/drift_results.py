"""Read what ended drift checks found, keep it with the workspace, and tell of new drift once."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from workspaces.choices import FINAL_JOB, DriftStatus, JobStatus
from workspaces.jobs.drift_findings import Findings, read_findings
from workspaces.models import Drift, Job, SavedPlan
from workspaces.task_queue.client import enqueue

logger = logging.getLogger(__name__)
MOST_KEPT = 500
"""Resources of which the address is kept; of more, the number is."""
RETRY_MINUTES = 10
"""Wait after a check that was given back or cancelled, in minutes."""
_AT_ONCE = 50
_RESULT = (
    *("status", "checked_at", "result_job", "clean_at", "clean_job", "drifted_since", "resources"),
    *("resource_count", "pending_changes", "fingerprint"),
)

type Listener = Callable[[Drift, Job], None]
_listeners: list[Listener] = []


def tell_of_new_drift(listener: Listener) -> None:
    """Call a function once for each new drift of a workspace, with its record and the check, before the commit.

    Drift is new when other resources drifted, or something else happened to them, than was told last. The function must
    be quick, and call no other host.
    """
    if listener not in _listeners:
        _listeners.append(listener)


def note_move(job: Job) -> None:
    """Have a check that ended judged, and a drifted workspace checked again once a job has changed it.

    Called for each new status of a job, in its transaction.
    """
    if job.is_drift_check:
        if job.is_final:
            enqueue("executors.tasks.judge_drift_check", job.pk)
    elif job.status == JobStatus.COMPLETED and not job.plan_only:
        drifted = Drift.objects.filter(workspace=job.workspace_id, status=DriftStatus.DRIFTED)
        drifted.update(due_at=timezone.now())


def judge(job_id: int) -> None:
    """Keep what a check found. Safe to call twice, and for a job that is no check of a workspace or has not ended."""
    job = Job.objects.filter(pk=job_id, status__in=sorted(FINAL_JOB)).first()
    if job is None:
        return
    # Read before anything is locked: a plan may be large.
    found = _findings(job)
    with transaction.atomic():
        record = Drift.objects.select_for_update().filter(check_job=job_id, judged=False).first()
        if record is None:
            return
        record.judged = True
        if job.status == JobStatus.CANCELLED:
            record.due_at = timezone.now() + dt.timedelta(minutes=RETRY_MINUTES)
            record.save(update_fields=["judged", "due_at"])
            return
        is_new = _keep(record, job, found)
        record.save(update_fields=["judged", *_RESULT])
        if is_new:
            for listener in _listeners:
                listener(record, job)


def _findings(job: Job) -> Findings | None:
    """Return what a check's plan says; None where that cannot be known."""
    if job.status != JobStatus.COMPLETED:
        return None
    plan = SavedPlan.objects.filter(step__job=job, json__isnull=False).only("json").first()
    if plan is not None and plan.json:
        return read_findings(bytes(plan.json))
    # Terrakube's own executor sends no JSON; without changes none is needed.
    return None if job.plan_changes else Findings()


def _keep(record: Drift, job: Job, found: Findings | None) -> bool:
    """Set a check's result on a record; return whether it is drift that was not told yet."""
    ended = job.ended_at or timezone.now()
    record.checked_at, record.result_job = ended, job
    if found is None:
        # What was known before stays: a failed check proves nothing.
        record.status = DriftStatus.FAILED
        return False
    record.pending_changes = found.pending_changes
    record.resources = [row.as_json() for row in found.resources[:MOST_KEPT]]
    record.resource_count = len(found.resources)
    is_new = found.fingerprint not in ("", record.fingerprint)
    record.fingerprint = found.fingerprint
    if found.resources:
        record.status = DriftStatus.DRIFTED
        record.drifted_since = record.drifted_since or ended
    else:
        record.status = DriftStatus.CLEAN
        record.clean_at, record.clean_job, record.drifted_since = ended, job, None
    return is_new


def judge_ended() -> None:
    """Judge checks whose task was lost, and let go of those whose job was deleted."""
    open_ones = Drift.objects.filter(judged=False)
    open_ones.filter(check_job=None).update(judged=True)
    ended = open_ones.filter(Q(check_job__status__in=sorted(FINAL_JOB)))
    for job_id in ended.values_list("check_job_id", flat=True)[:_AT_ONCE]:
        try:
            judge(job_id)
        except Exception:
            # One plan that cannot be read must not hold up the others.
            logger.exception("The drift check %s could not be judged", job_id)
