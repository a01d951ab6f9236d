"""``job_comment``: what people say about a job; Terrakube has no such type."""

from __future__ import annotations

from typing import Any

from workspaces.actors import Actor
from workspaces.api.jsonapi.attributes import of_column, told
from workspaces.api.jsonapi.resource import Change, make, to_one
from workspaces.api.resources.changes import deleting
from workspaces.models import JobComment
from workspaces.services.job_comments import comment_on_job, delete_comment


def _create(change: Change, actor: Actor) -> JobComment:
    return comment_on_job(change.related["job"], change.attributes["text"], by=actor)


def _with_job(rows: Any) -> Any:
    return rows.select_related("job__organization", "job__workspace").defer("job__tcl")


JOB_COMMENT = make(
    "job_comment",
    JobComment,
    (
        of_column(JobComment, "text", required=True, description="The comment, in plain text."),
        told(JobComment, "author", "Who said it.", required=False),
        of_column(JobComment, "createdDate", description="When it was said."),
    ),
    (to_one("job", required=True),),
    root=True,
    joined=("job",),
    narrow=_with_job,
    create=_create,
    delete=deleting(delete_comment),
)
