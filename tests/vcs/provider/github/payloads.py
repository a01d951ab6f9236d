"""What GitHub's deliveries hold."""

from __future__ import annotations

from typing import Any

from tests.vcs.provider.git_store import ZEROS
from tests.vcs.provider.github.shapes import Shapes
from tests.vcs.provider.records import Comment, Hook, Person, PullRequest, Repository, Review, now

_MOST_COMMITS = 2048
_HEADS = "refs/heads/"


def push(shapes: Shapes, repository: Repository, ref: str, old: str, new: str, by: Person) -> dict[str, Any]:
    """A push of a branch or a tag, or the deletion of one."""
    gone = new == ZEROS
    commits = [] if gone else repository.git.commits(old if old != ZEROS else _known_part(repository, ref), new)
    if not ref.startswith(_HEADS):
        commits = []
    shown = [shapes.commit(repository, one) for one in commits[-_MOST_COMMITS:]]
    head = None if gone else shapes.commit(repository, repository.git.commit_of(new))
    return {
        "ref": ref,
        "before": old,
        "after": new,
        "created": old == ZEROS,
        "deleted": gone,
        "forced": not gone and old != ZEROS and not repository.git.contains(new, old),
        "base_ref": None,
        "compare": f"{shapes.repository(repository)['html_url']}/compare/{old[:12]}...{new[:12]}",
        "commits": shown,
        "head_commit": head,
        "repository": shapes.repository(repository),
        "pusher": {"name": by.login, "email": by.email},
        "sender": shapes.user(by),
    }


def _known_part(repository: Repository, ref: str) -> str:
    """Return where a new branch parts from the default one: commits before that are no news."""
    default = repository.git.tip(f"{_HEADS}{repository.default_branch}")
    new = repository.git.tip(ref)
    return repository.git.merge_base(default, new) if default and ref != f"{_HEADS}{repository.default_branch}" else ""


def pull_request(shapes: Shapes, one: PullRequest, action: str, by: Person, before: str) -> dict[str, Any]:
    """What became of a pull request."""
    more = {"before": before, "after": one.head_sha} if action == "synchronize" else {}
    return {
        "action": action,
        "number": one.number,
        "pull_request": shapes.pull_request(one),
        **more,
        "repository": shapes.repository(one.repository),
        "sender": shapes.user(by),
    }


def comment(shapes: Shapes, pull: PullRequest, one: Comment, action: str, by: Person) -> dict[str, Any]:
    """A comment on a pull request."""
    changes = {"changes": {"body": {"from": one.bodies[-2]}}} if action == "edited" else {}
    return {
        "action": action,
        **changes,
        "issue": shapes.issue(pull),
        "comment": shapes.comment(pull.repository, pull, one),
        "repository": shapes.repository(pull.repository),
        "sender": shapes.user(by),
    }


def review(shapes: Shapes, pull: PullRequest, one: Review) -> dict[str, Any]:
    """A review of a pull request."""
    shown = shapes.review(pull.repository, one)
    return {
        "action": "submitted",
        "review": {**shown, "state": shown["state"].lower()},
        "pull_request": shapes.pull_request(pull),
        "repository": shapes.repository(pull.repository),
        "sender": shapes.user(one.user),
    }


def release(shapes: Shapes, repository: Repository, tag: str, action: str, by: Person) -> dict[str, Any]:
    """A release of a tag."""
    return {
        "action": action,
        "release": {
            "tag_name": tag,
            "target_commitish": repository.default_branch,
            "name": f"Release {tag}",
            "draft": False,
            "prerelease": False,
            "author": shapes.user(by),
            "published_at": now(),
        },
        "repository": shapes.repository(repository),
        "sender": shapes.user(by),
    }


def ping(shapes: Shapes, repository: Repository, hook: Hook, by: Person) -> dict[str, Any]:
    """The first delivery of a new hook."""
    return {
        "zen": "Keep it logically awesome.",
        "hook_id": hook.id,
        "hook": shapes.hook(repository, hook),
        "repository": shapes.repository(repository),
        "sender": shapes.user(by),
    }
