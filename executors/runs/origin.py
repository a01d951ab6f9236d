"""Where a job's code comes from, and what people said about the job."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from workspaces.actors import Actor
from workspaces.connections.web_pages import commit_page, pull_request_page
from workspaces.models import Job, JobComment, Step
from workspaces.services.job_comments import may_delete_comment


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A job's code; texts are empty and ``pull_request`` is None where nothing is known."""

    commit: str
    commit_url: str
    author: str
    """Account at the provider."""
    branch: str
    pull_request: int | None
    pull_request_url: str


@dataclass(frozen=True, slots=True)
class Comment:
    """What a person said, and what they did when they said it."""

    person: str
    act: str
    at: dt.datetime | None
    text: str
    row: JobComment | None = None
    """The comment itself, None for what was said with a start or a decision."""


def origin_of(job: Job) -> Origin:
    """Return where a job's code comes from. Reads the workspace's connection only if there is something to link."""
    commit, number = job.commit_id or "", job.pr_number
    source, kind = job.override_source or job.workspace.source, None
    if (commit or number) and job.workspace.vcs is not None:
        kind = job.workspace.vcs.vcs_type
    return Origin(
        commit=commit,
        commit_url=commit_page(source, kind, commit) if commit else "",
        author=job.author,
        branch=job.override_branch or "",
        pull_request=number,
        pull_request_url=pull_request_page(source, kind, number) if number else "",
    )


def comments_on(job: Job, steps: Iterable[Step]) -> list[Comment]:
    """Return what was said about a job, in the order of time: at its start, with decisions, and freely.

    Costs one query.
    """
    acts = {"approved": _("approved"), "rejected": _("rejected")}
    said = [Comment(job.created_by, _("started the job"), job.created_date, job.comments)] if job.comments else []
    said += [
        Comment(step.decided_by, acts.get(step.decision, step.decision), step.decided_date, step.comment)
        for step in sorted(steps, key=lambda step: step.step_number)
        if step.comment
    ]
    said += [Comment(row.author, "", row.created_date, row.text, row) for row in job.thread.all()]
    return sorted(said, key=lambda comment: comment.at or job.created_date)


def deletable_comments(comments: Iterable[Comment], *, by: Actor) -> tuple[UUID, ...]:
    """Return the keys of the comments that an actor may delete."""
    rows = (comment.row for comment in comments if comment.row is not None)
    return tuple(row.pk for row in rows if may_delete_comment(row, by=by))
