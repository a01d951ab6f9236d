"""GitHub's deliveries as events. Pure.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from vcs.choices import EventKind
from vcs.providers.base import Event, Ignored, Sender, normalized
from vcs.providers.payloads import Node, branch_of, files_of, is_commit, tag_of

_MOST_COMMITS = 2048
_ACTIONS = {
    "opened": "opened",
    "reopened": "reopened",
    "synchronize": "synchronize",
    "ready_for_review": "opened",
    "closed": "closed",
}


def read_events(headers: Mapping[str, str], body: bytes) -> Sequence[Event | Ignored]:
    """Return what a delivery tells of. Raises ValueError for what is no JSON."""
    found, node = headers.get("x-github-event", ""), Node.of(body)
    match found:
        case "ping":
            return [Event(kind=EventKind.PING)]
        case "push":
            return [_push(node)]
        case "pull_request":
            return [_pull_request(node)]
        case "issue_comment":
            return [comment(node, of_pull_request=node.has("issue", "pull_request"), sender=sender_of(node))]
        case "release":
            return [release(node, sender_of(node))]
    return [Ignored(message(_("Deliveries of type {name} start no jobs."), name=found[:64] or "?"))]


def repository_urls(node: Node) -> tuple[str, ...]:
    names = ("clone_url", "html_url", "ssh_url")
    return tuple(sorted({normalized(url) for name in names if (url := node.text("repository", name))}))


def sender_of(node: Node) -> Sender:
    return {"sender": node.text("sender", "login"), "sender_id": node.key("sender", "id")}


def _push(node: Node) -> Event | Ignored:
    ref = node.text("ref")
    commit = node.text("head_commit", "id") or node.text("after")
    if node.flag("deleted") or not is_commit(commit):
        return Ignored(message(_("{ref} was deleted."), ref=ref or "?"))
    branch, tag = branch_of(ref), tag_of(ref)
    if not branch and not tag:
        return Ignored(message(_("{ref} is neither a branch nor a tag."), ref=ref or "?"))
    commits = list(node.items("commits"))
    # A forced push takes commits away, which are not listed.
    whole = bool(commits) and len(commits) < _MOST_COMMITS and not node.flag("forced")
    return Event(
        kind=EventKind.PUSH if branch else EventKind.TAG,
        repository_urls=repository_urls(node),
        branch=branch or tag,
        commit=commit.lower(),
        before=node.text("before"),
        message=node.text("head_commit", "message"),
        files=files_of(commits) if whole and branch else None,
        **sender_of(node),
    )


def _pull_request(node: Node) -> Event | Ignored:
    action = node.text("action")
    if action == "edited" and node.has("changes", "base"):
        # It now leads to another branch.
        action = "synchronize"
    fork = _is_fork(node.at("pull_request"))
    return pull_request(node, _ACTIONS.get(action, ""), fork=fork, sender=sender_of(node))


def pull_request(node: Node, action: str, *, fork: bool, sender: Sender) -> Event | Ignored:
    """Return the event of a pull request, as Gitea tells of it too; an empty ``action`` starts nothing."""
    number = node.number("number")
    if not action or number is None:
        return Ignored(
            message(_('The pull request event "{action}" starts no jobs.'), action=node.text("action") or "?")
        )
    pull = node.at("pull_request")
    return Event(
        kind=EventKind.PULL_REQUEST,
        action=action,
        repository_urls=repository_urls(node),
        branch=pull.text("head", "ref"),
        target_branch=pull.text("base", "ref"),
        commit=pull.text("head", "sha").lower(),
        message=pull.text("title"),
        pull_request=number,
        fork=fork,
        merged=pull.flag("merged"),
        **sender,
    )


def _is_fork(pull: Node) -> bool:
    head, base = pull.text("head", "repo", "full_name"), pull.text("base", "repo", "full_name")
    return not head or head.lower() != base.lower()


def comment(node: Node, *, of_pull_request: bool, sender: Sender) -> Event | Ignored:
    """Return the event of a comment, as Gitea tells of it too."""
    number = node.number("issue", "number")
    if node.text("action") != "created" or not of_pull_request or number is None:
        return Ignored(_("Only new comments on pull requests are read."))
    return Event(
        kind=EventKind.COMMENT,
        action="created",
        repository_urls=repository_urls(node),
        pull_request=number,
        comment=node.text("comment", "body"),
        comment_id=node.key("comment", "id"),
        **sender,
    )


def release(node: Node, sender: Sender) -> Event | Ignored:
    """Return the event of a release, as Gitea tells of it too."""
    tag = node.text("release", "tag_name")
    if node.text("action") != "published" or not tag:
        return Ignored(message(_('The release event "{action}" starts no jobs.'), action=node.text("action") or "?"))
    return Event(
        kind=EventKind.RELEASE,
        action="published",
        repository_urls=repository_urls(node),
        branch=tag,
        message=node.text("release", "name"),
        **sender,
    )
