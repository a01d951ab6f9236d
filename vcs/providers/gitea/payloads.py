"""Deliveries of Gitea and Forgejo as events; they follow GitHub's, with members of their own. Pure.

https://docs.gitea.com/usage/repository/webhooks
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from vcs.choices import EventKind
from vcs.providers.base import Event, Ignored, Sender
from vcs.providers.github.payloads import comment, pull_request, release, repository_urls
from vcs.providers.payloads import Node, branch_of, files_of, is_commit, tag_of

_ACTIONS = {"opened": "opened", "reopened": "reopened", "synchronized": "synchronize", "closed": "closed"}


def read_events(headers: Mapping[str, str], body: bytes) -> Sequence[Event | Ignored]:
    """Return what a delivery tells of. Raises ValueError for what is no JSON."""
    found = headers.get("x-gitea-event", "") or headers.get("x-forgejo-event", "")
    node = Node.of(body)
    match found:
        case "push":
            return [_push(node)]
        case "create":
            return [_created(node)]
        case "pull_request" | "pull_request_sync":
            known = _ACTIONS.get(node.text("action"), "")
            return [pull_request(node, known, fork=_is_fork(node.at("pull_request")), sender=_sender(node))]
        case "issue_comment" | "pull_request_comment":
            return [comment(node, of_pull_request=node.flag("is_pull"), sender=_sender(node))]
        case "release":
            return [release(node, _sender(node))]
    return [Ignored(message(_("Deliveries of type {name} start no jobs."), name=found[:64] or "?"))]


def _sender(node: Node) -> Sender:
    name = node.text("sender", "login") or node.text("sender", "username")
    return {"sender": name, "sender_id": node.key("sender", "id")}


def _push(node: Node) -> Event | Ignored:
    ref, commit = node.text("ref"), node.text("after")
    if not is_commit(commit):
        return Ignored(message(_("{ref} was deleted."), ref=ref or "?"))
    branch, tag = branch_of(ref), tag_of(ref)
    if not branch and not tag:
        return Ignored(message(_("{ref} is neither a branch nor a tag."), ref=ref or "?"))
    commits = list(node.items("commits"))
    total = node.number("total_commits")
    # The list is cut off at a setting of the server, and a push to a new branch lists none.
    whole = bool(commits) and (total is None or total <= len(commits))
    return Event(
        kind=EventKind.PUSH if branch else EventKind.TAG,
        repository_urls=repository_urls(node),
        branch=branch or tag,
        commit=commit.lower(),
        before=node.text("before"),
        message=node.text("head_commit", "message"),
        files=files_of(commits) if whole and branch else None,
        **_sender(node),
    )


def _created(node: Node) -> Event | Ignored:
    tag, commit = tag_of(node.text("ref")) or node.text("ref"), node.text("sha")
    if node.text("ref_type") != "tag" or not tag or not is_commit(commit):
        return Ignored(_("A new branch without new commits starts no jobs."))
    urls = repository_urls(node)
    return Event(kind=EventKind.TAG, repository_urls=urls, branch=tag, commit=commit.lower(), **_sender(node))


def _is_fork(pull: Node) -> bool:
    head, base = pull.number("head", "repo_id"), pull.number("base", "repo_id")
    return head is None or head != base
