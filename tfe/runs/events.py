"""What happened to a run and what was said about it, from the records of its job."""

from __future__ import annotations

import datetime as dt
import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from uuid import UUID

from tfe.documents import Json, moment, resource, to_one
from tfe.errors import NotFound
from tfe.identities import user_id
from tfe.runs.find import Run, run_of, with_comments
from tfe.runs.status import apply_status, phases_of, plan_status
from workspaces.actors import Actor
from workspaces.choices import JobStatus, StepType
from workspaces.models import JobComment


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event; ``actor`` names who did it, ``comment`` is what they said.

    ``key`` is what the ids of the event and of its comment have in common: the job's number and that of the event,
    from 1, or the key of a comment that came with no other event.
    """

    action: str
    description: str
    at: dt.datetime | None
    actor: str = ""
    user_key: int | None = None
    comment: str = ""
    key: str = ""

    @property
    def event_id(self) -> str:
        return f"re-{self.key}"

    @property
    def comment_id(self) -> str:
        return f"wsc-{self.key}"


def events_of(run: Run) -> list[Event]:
    """Return the events of a run in their order, with its comments; the last says what it waits for, or why it ended.

    Comments may come after that.
    """
    numbered = (replace(event, key=f"{run.job.pk}-{number}") for number, event in enumerate(_events(run), start=1))
    # Merged, not sorted: the order of what happened to a job is known better than its times.
    return list(heapq.merge(numbered, map(commented, run.comments), key=lambda event: event.at or run.job.created_date))


def commented(comment: JobComment) -> Event:
    """Return the event that a comment is."""
    return Event(
        action="commented",
        description=f"Comment by {comment.author}",
        at=comment.created_date,
        actor=comment.author,
        user_key=comment.author_user_id,
        comment=comment.text,
        key=str(comment.pk),
    )


def event_of(actor: Actor, event_id: str, prefix: str) -> tuple[Run, Event]:
    """Return an event by its id or by that of its comment, which begins with the prefix; and its run.

    Raises NotFound, also for a run that the caller may not see.
    """
    if not event_id.startswith(prefix):
        raise NotFound
    key = event_id.removeprefix(prefix)
    run = with_comments(run_of(actor, f"run-{_job_of(key)}"))
    found = next((event for event in events_of(run) if event.key == key), None)
    if found is None:
        raise NotFound
    return run, found


def _job_of(key: str) -> object:
    """Return the number of the job that an event's key names, as text or as a number."""
    try:
        comment = UUID(key)
    except ValueError:
        return key.rpartition("-")[0]
    return JobComment.objects.filter(pk=comment).values_list("job", flat=True).first()


def event_object(run: Run, event: Event) -> Json:
    """Return an event as the protocol shows it."""
    related = {"run": to_one("runs", f"run-{run.job.pk}")}
    if event.actor:
        related["actor"] = to_one("users", user_id(event.user_key, event.actor))
    if event.comment:
        related["comment"] = to_one("comments", event.comment_id)
    attributes = {"action": event.action, "description": event.description, "created-at": moment(event.at)}
    return resource("run-events", event.event_id, attributes, related)


def comment_object(event: Event) -> Json:
    """Return the comment of an event."""
    return resource("comments", event.comment_id, {"body": event.comment})


def comments_of(run: Run) -> list[Json]:
    """Return what was said about a run: with its approvals and rejections, and freely."""
    return [comment_object(event) for event in events_of(run) if event.comment]


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
