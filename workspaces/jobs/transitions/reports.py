"""Update a job and its step when an executor claims the step, ends or is lost."""

from __future__ import annotations

from itertools import takewhile
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from workspaces import flows
from workspaces.choices import IN_EXECUTOR, PLAN_TYPES, Interruption, JobStatus, StepType
from workspaces.jobs.obstacles import Obstacle, obstacle
from workspaces.jobs.transitions.room import keep_turn
from workspaces.jobs.transitions.table import REJECTED, Outcome
from workspaces.jobs.transitions.writes import (
    LockedStep,
    call_next_in_line,
    end_job,
    lock_job,
    lock_step,
    move_job,
    move_step,
)
from workspaces.models import Job, Step
from workspaces.reasons import Reason, of_step, reason
from workspaces.task_queue.client import enqueue

S = JobStatus


def start_step(target: UUID | LockedStep) -> bool:
    """Mark a launched step as running once its executor has claimed it. Returns False if it does not wait for that."""
    with transaction.atomic():
        found = lock_step(target)
        if found is None or found.step.status != S.QUEUE:
            return False
        job, step = found
        move_step(step, S.RUNNING, started_at=timezone.now())
        move_job(job, S.RUNNING)
        return True


def put_back(target: UUID | LockedStep, found: Obstacle) -> bool:
    """Take back an unclaimed step until its obstacle is gone. Returns False if it was claimed meanwhile."""
    with transaction.atomic():
        located = lock_step(target)
        if located is None or located.step.status != S.QUEUE:
            return False
        job, step = located
        move_step(step, S.PENDING, queued_at=None, **found.why.columns)
        move_job(job, S.PENDING, found.why)
        transaction.on_commit(call_next_in_line, robust=True)
        # The obstacle may be gone by now, and a job that was not waiting was not told.
        enqueue("executors.tasks.advance_job", job.pk)
        return True


def obstacle_to(target: UUID | LockedStep) -> Obstacle | None:
    """Return what keeps a handed-over step from starting; None if nothing does. Call it under the job's row lock."""
    found = lock_step(target)
    return None if found is None or found.step.status != S.QUEUE else obstacle(found.job)


def start_again(target: UUID | LockedStep, why: Reason) -> bool:
    """Queue a running plan again after its executor is lost and confirmed gone. Returns False if it does not run.

    Only a plan ever starts twice, and only where its workspace asks for it.
    """
    with transaction.atomic():
        found = lock_step(target)
        if found is None or found.step.status != S.RUNNING or found.step.type not in PLAN_TYPES:
            return False
        job, step = found
        move_step(step, S.QUEUE, queued_at=timezone.now(), started_at=None)
        move_job(job, S.QUEUE, why)
        return True


def note_interruption(step_id: UUID, interruption: Interruption) -> None:
    """Store how far a cancelled step has been stopped; its status is already final."""
    Step.objects.filter(pk=step_id).update(interruption=interruption)


def pin_commit(step_id: UUID, commit_id: str) -> bool:
    """Store the commit that a job's first step resolved, for its later steps. Returns False if one is stored."""
    return bool(Job.objects.filter(steps=step_id, commit_id=None).update(commit_id=commit_id))


def explain(step_id: UUID, why: Reason) -> bool:
    """Store what a launched step waits for. Returns False, changing nothing, if it no longer waits."""
    said = why.columns
    query = Job.objects.filter(status=S.QUEUE, steps=step_id, steps__status=S.QUEUE).exclude(reason=said["reason"])
    return bool(query.update(**said))


def finish_step(target: UUID | LockedStep, outcome: Outcome) -> bool:
    """End a step in an executor, and queue the job's next step or end the job.

    Returns False, changing nothing, if the step had already ended. After a plan without changes the steps that apply it
    are skipped, and the job is complete if no other remains. A failure that the flow ignores (``ignoreError``) does not
    fail the job, except a plan's, since there is nothing to apply. A lost
    executor always ends the job, which keeps its workspace until ``release_workspace``: no other step may run while the
    old one may still write the state.
    """
    with transaction.atomic():
        found = lock_step(target)
        if found is None or found.step.status not in IN_EXECUTOR:
            return False
        job, step = found
        flow = flows.from_json(step.flow)
        is_plan = step.type in PLAN_TYPES
        ignored = not outcome.succeeded and not outcome.lost and flow.ignore_error and step.status == S.RUNNING
        move_step(
            step,
            S.COMPLETED if outcome.succeeded or ignored else S.FAILED,
            ended_at=timezone.now(),
            **outcome.why.columns,
        )
        if step.decision == REJECTED:
            why = reason("rejected", "rejected-by", person=step.decided_by)
            end_job(job, S.REJECTED, why, keep_workspace=outcome.lost)
        elif not outcome.succeeded and (is_plan or not ignored):
            end_job(job, S.FAILED, of_step(step.name, outcome.why), keep_workspace=outcome.lost)
        elif is_plan and outcome.changes is False and not _skip_apply(job):
            end_job(job, S.COMPLETED, reason("no-changes"), **_plan(outcome))
        else:
            move_job(job, S.PENDING, **(_plan(outcome) if is_plan else {}))
            keep_turn(job)
            enqueue("executors.tasks.advance_job", job.pk)
        return True


def _skip_apply(job: Job) -> bool:
    """Skip the applies of the plan that just ended and the approvals right before them; return whether steps remain."""
    remaining = list(job.steps.filter(status=S.PENDING))
    skipped: list[Step] = []
    approvals: list[Step] = []
    for step in takewhile(lambda step: step.type not in PLAN_TYPES, remaining):
        approvals.append(step)
        if step.type == StepType.APPLY:
            skipped += approvals
        if step.type != StepType.APPROVAL:
            approvals = []
    for step in skipped:
        move_step(step, S.NOT_EXECUTED, ended_at=timezone.now())
    return len(skipped) < len(remaining)


def _plan(outcome: Outcome) -> dict[str, Any]:
    """Return what a job stores about its plan; a plan that does not report its changes may have some."""
    return {"plan_changes": outcome.changes is not False, "terraform_plan": outcome.plan}


def release_workspace(job: int | LockedStep) -> bool:
    """Release the workspace of an ended job after its last pod is gone. Returns False if it was released."""
    with transaction.atomic():
        found = job.job if isinstance(job, LockedStep) else lock_job(job)
        if found is None or not found.holds_workspace or not found.is_final:
            return False
        found.holds_workspace = False
        found.save(update_fields=["holds_workspace"])
        enqueue("executors.tasks.advance_workspace", str(found.workspace_id))
        return True
