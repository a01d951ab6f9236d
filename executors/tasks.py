"""What the background task runner calls: short, by id, safe to run twice."""

from __future__ import annotations

import logging
from uuid import UUID

from structlog.contextvars import bound_contextvars

from executors import beats
from executors.doctor import runs as doctor_runs
from executors.launching import launcher
from workspaces import capacity, transitions
from workspaces.models import Job
from workspaces.queueing import enqueue
from workspaces.services import schedules

logger = logging.getLogger(__name__)
ROOM_AT_ONCE = 50
"""How many steps one task hands over."""


def advance_job(job_id: int) -> None:
    """Do the next thing for a job, and launch its step when that is it."""
    with bound_contextvars(job=job_id):
        opened = transitions.hand_over(job_id, to=launcher.open_first)
        if opened is not None:
            attempt, needs = opened
            with bound_contextvars(step=str(attempt.step_id)):
                launcher.launch(attempt, needs)


def advance_workspace(workspace_id: str) -> None:
    """Let the jobs that wait for a workspace go on, oldest first."""
    for job_id in Job.objects.waiting_for(UUID(workspace_id)).values_list("pk", flat=True):
        advance_job(job_id)


def fill_room() -> None:
    """Hand over the steps of those who wait for room, in their order, until there is no more room or nobody waits.

    Each is launched by a task of its own, so that a cluster that does not answer holds nobody up here.
    """
    tried: int | None = None
    for _ in range(ROOM_AT_ONCE):
        first = capacity.first_in_line()
        if first is None or first.pk == tried:
            # Somebody else was quicker, or it was overtaken; the sweep comes back to what this may have missed.
            return
        tried = first.pk
        try:
            step_id = transitions.advance(first.pk)
        except Exception:
            # Whatever is wrong with this one must not hold up the others.
            logger.exception("Job %s could not go on; it is left out of the line for now", first.pk)
            transitions.leave_line(first.pk)
            continue
        if step_id is not None:
            enqueue("executors.tasks.launch_step", str(step_id))
    enqueue("executors.tasks.fill_room")


def launch_step(step_id: str) -> None:
    with bound_contextvars(step=step_id):
        launcher.launch_step(UUID(step_id))


def cancel_step(step_id: str) -> None:
    with bound_contextvars(step=step_id):
        launcher.cancel_step(UUID(step_id))


def run_check(run_id: int) -> None:
    """Begin a run of the doctor, whose probe pod is looked at with each beat."""
    doctor_runs.begin(run_id)


def kill_step(step_id: str) -> None:
    launcher.cancel_step(UUID(step_id), force=True)


def beat() -> None:
    """Show that tasks are worked on, and start what the clock starts.

    Queued by the watcher, so a frozen queue or worker lets it grow old.
    """
    beats.beat(beats.WORKER)
    schedules.start_due()
    doctor_runs.advance()
