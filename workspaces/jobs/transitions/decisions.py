"""Approve, reject or cancel a job."""

from __future__ import annotations

from django.db import transaction

from workspaces import flows
from workspaces.choices import FINAL_JOB, IN_EXECUTOR, JobStatus, StepType
from workspaces.jobs import capacity
from workspaces.jobs.obstacles import obstacle
from workspaces.jobs.transitions.advancing import note_decision, queue_step, rejected_by, stop_short
from workspaces.jobs.transitions.room import must_wait
from workspaces.jobs.transitions.table import IllegalTransition
from workspaces.jobs.transitions.writes import end_job, lock_job, move_job
from workspaces.reasons import Reason, reason, told
from workspaces.task_queue.client import enqueue

S = JobStatus


def decide(job_id: int, *, approved: bool, by: str, comment: str = "") -> bool:
    """Approve or reject a job that waits for approval. Returns False if it does not wait for that (any more)."""
    with transaction.atomic():
        job = lock_job(job_id)
        if job is None or job.status != S.WAITING_APPROVAL:
            return False
        step = job.steps.filter(status=S.PENDING, type=StepType.APPROVAL).first()
        if step is None:
            raise IllegalTransition(f"Job {job.pk} waits for approval without a step for it")
        if step.decision:
            # Rejected, and its commands for that wait.
            return False
        found = obstacle(job)
        gone = found is not None and found.ends
        if found is not None and gone and approved:
            stop_short(job, found)
            return False
        step.keep(told("", comment))
        note_decision(job, step, approved=approved, by=by, comment=comment)
        job.updated_by = by
        job.save(update_fields=["updated_by"])
        if approved:
            move_job(job, S.APPROVED, reason("", "approved-by", person=by))
            enqueue("executors.tasks.advance_job", job.pk)
        elif flows.from_json(step.flow).on_reject and not gone:
            if found is not None:
                move_job(job, S.WAITING_APPROVAL, found.why)
            elif not must_wait(job, capacity.class_of(step.type)):
                queue_step(job, step)
                enqueue("executors.tasks.launch_step", str(step.pk))
        else:
            end_job(job, S.REJECTED, rejected_by(step))
        return True


def cancel(job_id: int, *, by: str, why: Reason | None = None) -> bool:
    """Cancel a job that has not ended. Returns False if it had.

    The job is cancelled at once. A step in an executor is told to stop; the workspace stays taken until that executor
    is confirmed gone, so that no other job meets its state lock or a half-written state. Without ``why`` its reason
    says who cancelled it.
    """
    with transaction.atomic():
        job = lock_job(job_id)
        if job is None or job.status in FINAL_JOB:
            return False
        launched = job.steps.filter(status__in=IN_EXECUTOR).first()
        job.updated_by = by
        job.save(update_fields=["updated_by"])
        why = why or reason("cancelled", "cancelled-by", person=by)
        end_job(job, S.CANCELLED, why, keep_workspace=launched is not None)
        if launched is not None:
            enqueue("executors.tasks.cancel_step", str(launched.pk))
        return True


def drop_waiting(job_id: int, why: Reason) -> bool:
    """Cancel a job that has not started. Returns False, changing nothing, if it has started or ended."""
    with transaction.atomic():
        job = lock_job(job_id)
        if job is None or job.status != S.PENDING or job.started_at is not None:
            return False
        end_job(job, S.CANCELLED, why)
        return True
