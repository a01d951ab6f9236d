"""What happened to a run and what was said about it, from the records of its job."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from tfe.documents import Json, moment, resource, to_one
from tfe.identities import user_id
from tfe.runs.find import Run
from tfe.runs.status import apply_status, phases_of, plan_status
from workspaces.choices import JobStatus, StepType


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event; ``actor`` names who did it, ``comment`` is what they said."""

    action: str
    description: str
    at: dt.datetime | None
    actor: str = ""
    user_key: int | None = None
    comment: str = ""


def events_of(run: Run) -> list[Event]:
    """Return the events of a run in their order; the last says what it waits for, or why it ended."""
    return list(_events(run))


def event_id(run: Run, number: int) -> str:
    """Return the id of a run's event, which counts from 1."""
    return f"re-{run.job.pk}-{number}"


def comment_id(run: Run, number: int) -> str:
    """Return the id of the comment that was given with an event."""
    return f"wsc-{run.job.pk}-{number}"


def event_object(run: Run, number: int, event: Event) -> Json:
    """Return an event as the protocol shows it."""
    related = {"run": to_one("runs", f"run-{run.job.pk}")}
    if event.actor:
        related["actor"] = to_one("users", user_id(event.user_key, event.actor))
    if event.comment:
        related["comment"] = to_one("comments", comment_id(run, number))
    attributes = {"action": event.action, "description": event.description, "created-at": moment(event.at)}
    return resource("run-events", event_id(run, number), attributes, related)


def comment_object(run: Run, number: int, event: Event) -> Json:
    """Return the comment of an event."""
    return resource("comments", comment_id(run, number), {"body": event.comment})


def comments_of(run: Run) -> list[Json]:
    """Return what was said about a run: with its approvals and rejections."""
    numbered = enumerate(events_of(run), start=1)
    return [comment_object(run, number, event) for number, event in numbered if event.comment]


def _events(run: Run) -> Iterator[Event]:
    job, phases = run.job, phases_of(run.steps)
    yield Event(
        action="created",
        description=f"Started by {job.created_by}",
        at=job.created_date,
        actor=job.created_by,
        user_key=job.acts_for_user_id,
    )
    planned = next((step for step in reversed(phases.plan) if step.ended_at), None)
    if planned is not None and plan_status(job, run.steps) == "finished":
        yield Event(action="planned", description="The plan is done", at=planned.ended_at)
    for step in run.steps:
        if step.type == StepType.APPROVAL and step.decision:
            yield Event(
                action=step.decision,
                description=f"{step.name} by {step.decided_by}",
                at=step.decided_date,
                actor=step.decided_by,
                comment=step.comment,
            )
    applied = next((step for step in reversed(phases.apply) if step.ended_at), None)
    if applied is not None and apply_status(job, run.steps) == "finished":
        yield Event(action="applied", description="The changes are applied", at=applied.ended_at)
    ended = {JobStatus.FAILED: "errored", JobStatus.CANCELLED: "canceled"}.get(JobStatus(job.status))
    if ended is not None:
        yield Event(action=ended, description=job.reason, at=job.ended_at)
    elif job.reason and not job.is_final:
        yield Event(action="waiting", description=job.reason, at=job.updated_date)
