"""Queue jobs that wait because a limit leaves no capacity for their next step."""

from __future__ import annotations

from functools import partial

from django.db import transaction

from workspaces import flows
from workspaces.choices import JobStatus
from workspaces.jobs import capacity
from workspaces.jobs.transitions.writes import end_job, move_job
from workspaces.models import Job
from workspaces.reasons import reason
from workspaces.task_queue.client import enqueue

S = JobStatus


def _look_again(refusal: capacity.Refusal, job_id: int) -> None:
    """Find capacity that was released between a job's count and its place in the queue, or that a drift check has."""
    if not refusal.limit_reached or refusal.limit.used() < refusal.limit.value:
        enqueue("executors.tasks.fill_room")
    elif capacity.checks_under(refusal.limit).exists():
        enqueue("executors.tasks.give_back_checks", job_id)


def must_wait(job: Job, room: str) -> bool:
    """Queue a job if there is no capacity for its next step. Returns False if there is, and reserves it.

    A drift check has no place in the queue: it ends, and is made again when there is room.
    """
    refusal = capacity.refusal(job, room)
    if refusal is None:
        return False
    if job.is_drift_check:
        end_job(job, S.CANCELLED, reason("cancelled", "check-without-room", limit=refusal.limit.why))
        return True
    if job.waits_for_room != room or not job.says(refusal.why):
        move_job(job, JobStatus(job.status), refusal.why, waits_for_room=room)
        transaction.on_commit(partial(_look_again, refusal, job.pk), robust=True)
    return True


def keep_turn(job: Job) -> None:
    """Keep a job's turn between two steps where a limit may make it wait: no new job goes before it."""
    if not capacity.is_limited(job):
        return
    pending = [flows.from_json(step.flow) for step in job.steps.filter(status=S.PENDING)]
    room = capacity.first_class(pending, auto_apply=job.auto_apply)
    if room is not None:
        move_job(job, S.PENDING, waits_for_room=room)


def leave_line(job_id: int) -> bool:
    """Remove a job that cannot continue from the queue, so that it blocks no other; the sweep returns to it."""
    return bool(Job.objects.filter(pk=job_id).exclude(waits_for_room="").update(waits_for_room=""))
