"""GitLab's deliveries as events. Pure.

https://docs.gitlab.com/user/project/integrations/webhook_events/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from vcs.choices import EventKind
from vcs.providers.base import Event, Ignored, Sender, normalized
from vcs.providers.payloads import Node, branch_of, files_of, is_commit, tag_of

_ACTIONS = {"open": "opened", "reopen": "reopened", "close": "closed", "merge": "closed"}


def read_events(headers: Mapping[str, str], body: bytes) -> Sequence[Event | Ignored]:
    """Return what a delivery tells of. Raises ValueError for what is no JSON."""
    node = Node.of(body)
    kind = node.text("object_kind")
    match kind:
        case "push" | "tag_push":
            return [_push(node)]
        case "merge_request":
            return [_merge_request(node)]
        case "note":
            return [_note(node)]
        case "release":
            return [_release(node)]
    return [Ignored(message(_("Deliveries of type {name} start no jobs."), name=kind[:64] or "?"))]


def _urls(node: Node) -> tuple[str, ...]:
    names = ("git_http_url", "git_ssh_url", "web_url")
    return tuple(sorted({normalized(url) for name in names if (url := node.text("project", name))}))


def _sender(node: Node) -> Sender:
    return {"sender": node.text("user", "username"), "sender_id": node.key("user", "id")}


def _push(node: Node) -> Event | Ignored:
    ref, commit = node.text("ref"), node.text("checkout_sha")
    if not is_commit(commit):
        return Ignored(message(_("{ref} was deleted."), ref=ref or "?"))
    branch, tag = branch_of(ref), tag_of(ref)
    if not branch and not tag:
        return Ignored(message(_("{ref} is neither a branch nor a tag."), ref=ref or "?"))
    commits, total = list(node.items("commits")), node.number("total_commits_count")
    # At most 20 commits are listed.
    whole = bool(commits) and total is not None and total <= len(commits)
    return Event(
        kind=EventKind.PUSH if branch else EventKind.TAG,
        repository_urls=_urls(node),
        branch=branch or tag,
        commit=commit.lower(),
        before=node.text("before"),
        message=commits[-1].text("message") if commits else "",
        files=files_of(commits) if whole and branch else None,
        sender=node.text("user_username"),
        sender_id=node.key("user_id"),
    )


def _merge_request(node: Node) -> Event | Ignored:
    request = node.at("object_attributes")
    action, number = request.text("action"), request.number("iid")
    # Of updates only those with new commits have it, not those of labels, reviewers and discussions.
    known = "synchronize" if action == "update" and request.text("oldrev") else _ACTIONS.get(action, "")
    if not known or number is None:
        return Ignored(message(_('The pull request event "{action}" starts no jobs.'), action=action or "?"))
    return Event(
        kind=EventKind.PULL_REQUEST,
        action=known,
        repository_urls=_urls(node),
        branch=request.text("source_branch"),
        target_branch=request.text("target_branch"),
        commit=request.text("last_commit", "id").lower(),
        message=request.text("title"),
        pull_request=number,
        fork=_is_fork(request),
        merged=action == "merge",
        **_sender(node),
    )


def _is_fork(request: Node) -> bool:
    source, target = request.number("source_project_id"), request.number("target_project_id")
    return source is None or source != target


def _note(node: Node) -> Event | Ignored:
    note, request = node.at("object_attributes"), node.at("merge_request")
    number = request.number("iid")
    is_new = note.text("action") in {"", "create"} and not note.flag("system")
    if note.text("noteable_type") != "MergeRequest" or not is_new or number is None:
        return Ignored(_("Only new comments on pull requests are read."))
    return Event(
        kind=EventKind.COMMENT,
        action="created",
        repository_urls=_urls(node),
        branch=request.text("source_branch"),
        target_branch=request.text("target_branch"),
        commit=request.text("last_commit", "id").lower(),
        pull_request=number,
        fork=_is_fork(request),
        comment=note.text("note"),
        comment_id=note.key("id"),
        **_sender(node),
    )


def _release(node: Node) -> Event | Ignored:
    tag = node.text("tag")
    if node.text("action") != "create" or not tag:
        return Ignored(message(_('The release event "{action}" starts no jobs.'), action=node.text("action") or "?"))
    commit = node.text("commit", "id")
    return Event(
        kind=EventKind.RELEASE,
        action="published",
        repository_urls=_urls(node),
        branch=tag,
        commit=commit.lower() if is_commit(commit) else "",
        message=node.text("name"),
        sender=node.text("commit", "author", "name"),
    )
