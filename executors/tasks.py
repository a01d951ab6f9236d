"""What the background task runner calls: short, by id, safe to run twice."""

from __future__ import annotations

from uuid import UUID

from structlog.contextvars import bound_contextvars

from executors import beats
from executors.launching import launcher
from workspaces import transitions
from workspaces.models import Job
from workspaces.services import schedules


def advance_job(job_id: int) -> None:
    """Do the next thing for a job, and launch its step when that is it."""
    with bound_contextvars(job=job_id):
        step_id = transitions.advance(job_id)
        if step_id is not None:
            _launch(step_id)


def advance_workspace(workspace_id: str) -> None:
    """Let the jobs that wait for a workspace go on, oldest first."""
    for job_id in Job.objects.waiting_for(UUID(workspace_id)).values_list("pk", flat=True):
        advance_job(job_id)


def _launch(step_id: UUID) -> None:
    with bound_contextvars(step=str(step_id)):
        launcher.launch_step(step_id)


def launch_step(step_id: str) -> None:
    _launch(UUID(step_id))


def cancel_step(step_id: str) -> None:
    with bound_contextvars(step=step_id):
        launcher.cancel_step(UUID(step_id))


def beat() -> None:
    """Show that tasks are worked on, and start what the clock starts.

    Queued by the watcher, so a frozen queue or worker lets it grow old.
    """
    beats.beat(beats.WORKER)
    schedules.start_due()
