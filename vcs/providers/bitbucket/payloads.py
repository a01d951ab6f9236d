"""Deliveries of Bitbucket Cloud and Data Center as events. Pure.

https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/
https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from vcs.choices import EventKind
from vcs.providers.base import Event, Ignored, Sender, normalized
from vcs.providers.payloads import Node, branch_of, is_commit, tag_of

_CLOUD = {
    "pullrequest:created": "opened",
    "pullrequest:updated": "synchronize",
    "pullrequest:fulfilled": "closed",
    "pullrequest:rejected": "closed",
}
_DATA_CENTER = {
    "pr:opened": "opened",
    "pr:from_ref_updated": "synchronize",
    "pr:reopened": "reopened",
    "pr:merged": "closed",
    "pr:declined": "closed",
    "pr:deleted": "closed",
}


def read_events(headers: Mapping[str, str], body: bytes) -> Sequence[Event | Ignored]:
    """Return what a delivery tells of; a push may change several branches. Raises ValueError for what is no JSON."""
    key, node = headers.get("x-event-key", ""), Node.of(body)
    if key == "diagnostics:ping":
        return [Event(kind=EventKind.PING)]
    if key == "repo:push":
        return [_cloud_change(node, change) for change in node.items("push", "changes")]
    if key == "repo:refs_changed":
        return [_data_center_change(node, change) for change in node.items("changes")]
    if key in _CLOUD:
        return [_cloud_pull_request(node, _CLOUD[key], merged=key == "pullrequest:fulfilled")]
    if key in _DATA_CENTER:
        return [_data_center_pull_request(node, _DATA_CENTER[key], merged=key == "pr:merged")]
    if key == "pullrequest:comment_created":
        return [_cloud_pull_request(node, "created", comment=node.text("comment", "content", "raw"))]
    if key == "pr:comment:added":
        return [_data_center_pull_request(node, "created", comment=node.text("comment", "text"))]
    return [Ignored(message(_("Deliveries of type {name} start no jobs."), name=key[:64] or "?"))]


# ---- Cloud ----------------------------------------------------------------------------------------------------------


def _cloud_urls(node: Node) -> tuple[str, ...]:
    url = node.text("repository", "links", "html", "href")
    return (normalized(url),) if url else ()


def _cloud_sender(node: Node) -> Sender:
    actor = node.at("actor")
    name = actor.text("nickname") or actor.text("display_name")
    return {"sender": name, "sender_id": actor.text("account_id") or actor.text("uuid")}


def _cloud_change(node: Node, change: Node) -> Event | Ignored:
    new = change.at("new")
    name, commit = new.text("name"), new.text("target", "hash")
    if not name or not is_commit(commit):
        return Ignored(message(_("{ref} was deleted."), ref=change.text("old", "name") or "?"))
    if new.text("type") not in {"branch", "tag"}:
        return Ignored(message(_("{ref} is neither a branch nor a tag."), ref=name))
    return Event(
        kind=EventKind.PUSH if new.text("type") == "branch" else EventKind.TAG,
        repository_urls=_cloud_urls(node),
        branch=name,
        commit=commit.lower(),
        before=change.text("old", "target", "hash"),
        message=new.text("target", "message"),
        **_cloud_sender(node),
    )


def _cloud_pull_request(
    node: Node, action: str, *, merged: bool = False, comment: str | None = None
) -> Event | Ignored:
    pull = node.at("pullrequest")
    number = pull.number("id")
    if number is None:
        return Ignored(message(_('The pull request event "{action}" starts no jobs.'), action=action))
    source, target = pull.at("source"), pull.at("destination")
    head, base = source.text("repository", "full_name"), target.text("repository", "full_name")
    return Event(
        kind=EventKind.PULL_REQUEST if comment is None else EventKind.COMMENT,
        action=action,
        repository_urls=_cloud_urls(node),
        branch=source.text("branch", "name"),
        target_branch=target.text("branch", "name"),
        # Cloud shortens it to 12 digits; who needs the whole one asks for it.
        commit=source.text("commit", "hash").lower(),
        message=pull.text("title"),
        pull_request=number,
        fork=not head or head.lower() != base.lower(),
        comment=comment or "",
        comment_id="" if comment is None else node.key("comment", "id"),
        merged=merged,
        **_cloud_sender(node),
    )


# ---- Data Center ----------------------------------------------------------------------------------------------------


def _data_center_sender(node: Node) -> Sender:
    return {"sender": node.text("actor", "name"), "sender_id": node.key("actor", "id")}


def _data_center_change(node: Node, change: Node) -> Event | Ignored:
    ref, commit = change.text("ref", "id") or change.text("refId"), change.text("toHash")
    if change.text("type") == "DELETE" or not is_commit(commit):
        return Ignored(message(_("{ref} was deleted."), ref=ref or "?"))
    branch, tag = branch_of(ref), tag_of(ref)
    if not branch and not tag:
        return Ignored(message(_("{ref} is neither a branch nor a tag."), ref=ref or "?"))
    return Event(
        kind=EventKind.PUSH if branch else EventKind.TAG,
        branch=branch or tag,
        commit=commit.lower(),
        before=change.text("fromHash"),
        message=node.text("toCommit", "message"),
        **_data_center_sender(node),
    )


def _data_center_pull_request(
    node: Node, action: str, *, merged: bool = False, comment: str | None = None
) -> Event | Ignored:
    pull = node.at("pullRequest")
    number = pull.number("id")
    if number is None:
        return Ignored(message(_('The pull request event "{action}" starts no jobs.'), action=action))
    source, target = pull.at("fromRef"), pull.at("toRef")
    head, base = source.number("repository", "id"), target.number("repository", "id")
    return Event(
        kind=EventKind.PULL_REQUEST if comment is None else EventKind.COMMENT,
        action=action,
        branch=source.text("displayId"),
        target_branch=target.text("displayId"),
        commit=source.text("latestCommit").lower(),
        message=pull.text("title"),
        pull_request=number,
        fork=head is None or head != base,
        comment=comment or "",
        comment_id="" if comment is None else node.key("comment", "id"),
        merged=merged,
        **_data_center_sender(node),
    )
