"""The only writer of ``Job.status`` and ``Step.status``: moves checked by the table, under the Job's row lock."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from terrakube_site.database.built_once import BuiltOnce
from terrakube_site.database.built_writes import update_by_key
from terrakube_site.language import in_english
from terrakube_site.metrics import catalogue, tally
from workspaces.choices import FINAL_JOB, FINAL_STEP, IN_EXECUTOR, JobStatus
from workspaces.jobs import capacity
from workspaces.jobs.transitions.listeners import tell
from workspaces.jobs.transitions.table import JOB_MOVES, LEFT_UNDONE, STEP_MOVES, IllegalTransition
from workspaces.models import Job, Step, Workspace
from workspaces.reasons import NONE, Reason
from workspaces.task_queue.client import enqueue

S = JobStatus


def lock_job(job_id: int) -> Job | None:
    return next(iter(_JOB.rows(job_id)), None)


def _locked_jobs() -> QuerySet[Job]:
    jobs = Job.objects.select_for_update(of=("self",)).select_related("workspace__organization", "organization")
    return jobs.order_by()


_JOB = BuiltOnce(lambda key: _locked_jobs().filter(pk=key))
_JOB_OF_STEP = BuiltOnce(lambda key: _locked_jobs().filter(steps=key))
_STEP = BuiltOnce(lambda key: Step.objects.filter(pk=key).order_by())


class LockedStep(NamedTuple):
    """A step and its job, whose row lock the current transaction holds."""

    job: Job
    step: Step


def lock_step(step: UUID | LockedStep) -> LockedStep | None:
    """Lock the row of a step's job, unless the caller holds it already; None if the step is gone."""
    if isinstance(step, LockedStep):
        return step
    # The Job row is the lock for all of its steps, so two reports of one pod take turns. The step is read by a query of
    # its own: what is joined to a row that had to be waited for is as old as the wait.
    for job in _JOB_OF_STEP.rows(step):
        for found in _STEP.rows(step):
            found.job = job
            return LockedStep(job, found)
    return None


def move_job(job: Job, status: JobStatus, why: Reason = NONE, **changes: Any) -> None:
    current = JobStatus(job.status)
    if status != current and status not in JOB_MOVES.get(current, frozenset()):
        raise IllegalTransition(f"Job {job.pk}: {current} → {status}")
    job.status = status
    changes |= why.columns
    if job.waits_for_room:
        # A moved job no longer waits for capacity, unless this very move says so again.
        changes.setdefault("waits_for_room", "")
    for name, value in changes.items():
        setattr(job, name, value)
    # What starting decides is written with the move that it leads to.
    job.save(update_fields=["status", "updated_date", "holds_workspace", "started_at", *changes])
    if status in FINAL_JOB and status != current:
        transaction.on_commit(partial(tally.count, catalogue.JOBS_ENDED, status=status))
    if status != current and not job.is_drift_check:
        # The last job of a workspace is one that was asked for.
        update_by_key(Workspace, job.workspace_id, last_job_status=status, last_job_date=timezone.now())
    if status != current:
        tell(job)


def move_step(step: Step, status: JobStatus, **changes: Any) -> None:
    current = JobStatus(step.status)
    if status not in STEP_MOVES.get(current, frozenset()):
        raise IllegalTransition(f"{in_english(step)}: {current} → {status}")
    step.status = status
    for name, value in changes.items():
        setattr(step, name, value)
    if not step._state.adding:
        # A new one is stored as it is then.
        step.save(update_fields=["status", *changes])
    if current in IN_EXECUTOR and status in FINAL_STEP:
        labels = {"type": step.type, "status": str(status), "reason": catalogue.bounded(step.reason_code)}
        transaction.on_commit(partial(tally.count, catalogue.STEPS_ENDED, **labels))
        # Once committed: a job that counted this step just now has then either put itself in line, or counts again.
        transaction.on_commit(call_next_in_line, robust=True)


def end_job(job: Job, status: JobStatus, why: Reason = NONE, *, keep_workspace: bool = False, **changes: Any) -> None:
    """End a job with the steps that remain, and let the next job of its workspace continue."""
    now = timezone.now()
    undone = [step for step in job.steps.all() if step.status not in FINAL_STEP]
    for step in undone:
        if step.status in IN_EXECUTOR and LEFT_UNDONE[status] == S.NOT_EXECUTED:
            raise IllegalTransition(f"Job {job.pk} cannot end while {in_english(step)} is with an executor")
        move_step(step, LEFT_UNDONE[status], ended_at=now)
    holds = job.holds_workspace and keep_workspace
    took = now - job.started_at if job.started_at is not None else dt.timedelta()
    move_job(job, status, why, ended_at=now, took=took, holds_workspace=holds, **changes)
    if not holds:
        enqueue("executors.tasks.advance_workspace", str(job.workspace_id))


def call_next_in_line() -> None:
    if capacity.somebody_waits():
        enqueue("executors.tasks.fill_room")
