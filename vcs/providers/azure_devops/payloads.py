"""Azure DevOps' deliveries as events. Pure.

https://learn.microsoft.com/en-us/azure/devops/service-hooks/events#code
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from vcs.choices import EventKind
from vcs.providers.base import Event, Ignored, normalized
from vcs.providers.payloads import Node, branch_of, is_commit, tag_of

_COMMENT = "ms.vss-code.git-pullrequest-comment-event"


def read_events(headers: Mapping[str, str], body: bytes) -> Sequence[Event | Ignored]:
    """Return what a delivery tells of; a push may change several branches. Raises ValueError for what is no JSON."""
    node = Node.of(body)
    kind = node.text("eventType")
    match kind:
        case "git.push":
            return [_change(node.at("resource"), change) for change in node.items("resource", "refUpdates")]
        case "git.pullrequest.created" | "git.pullrequest.updated":
            return [_pull_request(node.at("resource"), kind)]
        case _ if kind == _COMMENT:
            return [_comment(node.at("resource"))]
    return [Ignored(message(_("Deliveries of type {name} start no jobs."), name=kind[:64] or "?"))]


def _urls(resource: Node) -> tuple[str, ...]:
    url = resource.text("repository", "remoteUrl")
    return (normalized(url),) if url else ()


def _change(resource: Node, change: Node) -> Event | Ignored:
    ref, commit = change.text("name"), change.text("newObjectId")
    if not is_commit(commit):
        return Ignored(message(_("{ref} was deleted."), ref=ref or "?"))
    branch, tag = branch_of(ref), tag_of(ref)
    if not branch and not tag:
        return Ignored(message(_("{ref} is neither a branch nor a tag."), ref=ref or "?"))
    commits = list(resource.items("commits"))
    return Event(
        kind=EventKind.PUSH if branch else EventKind.TAG,
        repository_urls=_urls(resource),
        branch=branch or tag,
        commit=commit.lower(),
        before=change.text("oldObjectId"),
        message=commits[0].text("comment") if commits else "",
        sender=resource.text("pushedBy", "uniqueName"),
        sender_id=resource.text("pushedBy", "id"),
    )


def _pull_request(resource: Node, kind: str) -> Event | Ignored:
    number, status = resource.number("pullRequestId"), resource.text("status")
    if number is None:
        return Ignored(message(_('The pull request event "{action}" starts no jobs.'), action=kind))
    is_closed = status in {"completed", "abandoned"}
    action = "closed" if is_closed else "opened" if kind == "git.pullrequest.created" else "synchronize"
    return Event(
        kind=EventKind.PULL_REQUEST,
        action=action,
        merged=status == "completed",
        pull_request=number,
        repository_urls=_urls(resource),
        sender=resource.text("createdBy", "uniqueName"),
        sender_id=resource.text("createdBy", "id"),
        **_of_pull_request(resource),
    )


def _of_pull_request(pull: Node) -> dict[str, Any]:
    return {
        "branch": branch_of(pull.text("sourceRefName")),
        "target_branch": branch_of(pull.text("targetRefName")),
        "commit": pull.text("lastMergeSourceCommit", "commitId").lower(),
        "message": pull.text("title"),
        # Only those of forks have it.
        "fork": pull.has("forkSource"),
    }


def _comment(resource: Node) -> Event | Ignored:
    pull, comment = resource.at("pullRequest"), resource.at("comment")
    number = pull.number("pullRequestId")
    is_new = comment.text("publishedDate") == comment.text("lastContentUpdatedDate") and not comment.flag("isDeleted")
    if number is None or comment.text("commentType") == "system" or not is_new:
        return Ignored(_("Only new comments on pull requests are read."))
    return Event(
        kind=EventKind.COMMENT,
        action="created",
        pull_request=number,
        repository_urls=_urls(pull),
        comment=comment.text("content"),
        comment_id=comment.key("id"),
        sender=comment.text("author", "uniqueName"),
        sender_id=comment.text("author", "id"),
        **_of_pull_request(pull),
    )
