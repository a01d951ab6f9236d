"""Tasks of the background queue: short, called by id, safe to run twice."""

from __future__ import annotations

import logging
from uuid import UUID

from django.utils import timezone
from structlog.contextvars import bound_contextvars

from executors.doctor import runs as doctor_runs
from executors.health import heartbeats
from executors.launching import barred_attempts, launcher
from executors.preflight import runs as preflight_runs
from vcs import upkeep
from vcs.connections import renewals
from workspaces.jobs import capacity, transitions
from workspaces.models import Job
from workspaces.notifications import upkeep as notifications
from workspaces.services import drift_checks, drift_results, history_retention, schedules
from workspaces.task_queue.client import enqueue

logger = logging.getLogger(__name__)
ROOM_AT_ONCE = 50
"""Maximum number of steps that one task queues."""


def advance_job(job_id: int) -> None:
    """Advance a job, and launch its next step if there is one."""
    with bound_contextvars(job=job_id):
        opened = transitions.hand_over(job_id, to=launcher.open_first_attempt)
        if opened is not None:
            attempt, needs = opened
            with bound_contextvars(step=str(attempt.step_id)):
                launcher.launch_attempt(attempt, needs)


def advance_workspace(workspace_id: str) -> None:
    """Let the jobs that wait for a workspace go on, oldest first; where none may go on, let them end."""
    for job_id in Job.objects.unfinished_on(UUID(workspace_id)).values_list("pk", flat=True):
        advance_job(job_id)
    barred_attempts.end_barred_attempts(workspace_id=UUID(workspace_id))


def fill_room() -> None:
    """Queue the steps of jobs that wait for capacity, in order, until there is no more capacity or no more jobs.

    Each is launched by a task of its own, so that a silent cluster delays nothing here.
    """
    tried: int | None = None
    for _ in range(ROOM_AT_ONCE):
        first = capacity.first_in_line()
        if first is None or first.pk == tried:
            # Another task was quicker, or it was overtaken; the sweep finds what this task may have missed.
            return
        tried = first.pk
        try:
            step_id = transitions.advance(first.pk)
        except Exception:
            # An error of one job must not hold up the others.
            logger.exception("Job %s could not go on; it is left out of the line for now", first.pk)
            transitions.leave_line(first.pk)
            continue
        if step_id is not None:
            enqueue("executors.tasks.launch_step", str(step_id))
    enqueue("executors.tasks.fill_room")


def launch_step(step_id: str) -> None:
    with bound_contextvars(step=step_id):
        launcher.launch_due_attempt(UUID(step_id))


def cancel_step(step_id: str) -> None:
    with bound_contextvars(step=step_id):
        launcher.cancel_step(UUID(step_id))


def give_back_checks(job_id: int) -> None:
    """Cancel the drift checks that are in the way of another job."""
    drift_checks.give_back(job_id)


def judge_drift_check(job_id: int) -> None:
    drift_results.judge(job_id)


def run_check(run_id: int) -> None:
    """Start a run of the doctor, whose probe pod is checked at each heartbeat."""
    doctor_runs.begin_run(run_id)


def run_preflight(workspace_id: str) -> None:
    preflight_runs.finish_run(UUID(workspace_id))


def kill_step(step_id: str) -> None:
    launcher.cancel_step(UUID(step_id), force=True)


def beat() -> None:
    """Write the worker's heartbeat, and start what is scheduled by time.

    Queued by the watcher, so the heartbeat ages if queue or worker hang.
    """
    heartbeats.write_heartbeat(heartbeats.WORKER)
    schedules.start_due()
    drift_checks.turn(timezone.now())
    renewals.queue_renewals()
    renewals.forget_expired()
    doctor_runs.advance_runs()
    now = timezone.now()
    upkeep.turn(now)
    notifications.turn(now)
    history_retention.remove_old()
