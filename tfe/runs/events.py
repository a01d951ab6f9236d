"""What happened to a run, from the records of its job."""

from __future__ import annotations

from collections.abc import Iterator

from tfe.documents import Json, moment
from tfe.runs.find import Run
from tfe.runs.status import apply_status, phases_of, plan_status
from workspaces.choices import JobStatus, StepType


def events_of(run: Run) -> list[Json]:
    """Return the events of a run in their order; the last says what it waits for, or why it ended."""
    return [{"action": action, "description": text, "created-at": at} for action, text, at in _events(run)]


def _events(run: Run) -> Iterator[tuple[str, str, str | None]]:
    job, phases = run.job, phases_of(run.steps)
    yield "created", f"Started by {job.created_by}", moment(job.created_date)
    planned = next((step for step in reversed(phases.plan) if step.ended_at), None)
    if planned is not None and plan_status(job, run.steps) == "finished":
        yield "planned", "The plan is done", moment(planned.ended_at)
    for step in run.steps:
        if step.type == StepType.APPROVAL and step.decision:
            yield step.decision, f"{step.name} by {step.decided_by}", moment(step.decided_date)
    applied = next((step for step in reversed(phases.apply) if step.ended_at), None)
    if applied is not None and apply_status(job, run.steps) == "finished":
        yield "applied", "The changes are applied", moment(applied.ended_at)
    ended = {JobStatus.FAILED: "errored", JobStatus.CANCELLED: "canceled"}.get(JobStatus(job.status))
    if ended is not None:
        yield ended, job.reason, moment(job.ended_at)
    elif job.reason and not job.is_final:
        yield "waiting", job.reason, moment(job.updated_date)
