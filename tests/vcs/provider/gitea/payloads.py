"""What Gitea's deliveries hold (modules/structs/hook.go of its source)."""

from __future__ import annotations

from typing import Any

from tests.vcs.provider.git_store import ZEROS
from tests.vcs.provider.gitea.shapes import Shapes
from tests.vcs.provider.records import Comment, Person, PullRequest, Repository, Review, now

_HEADS = "refs/heads/"
_MOST_COMMITS = 5


def push(shapes: Shapes, repository: Repository, ref: str, old: str, new: str, by: Person) -> dict[str, Any]:
    """A push of a branch or a tag."""
    start = old if old != ZEROS else _known_part(repository, ref)
    commits = repository.git.commits(start, new) if ref.startswith(_HEADS) else []
    return {
        "ref": ref,
        "before": old,
        "after": new,
        "compare_url": f"{shapes.repository(repository)['html_url']}/compare/{old}...{new}",
        # Of a large push only the newest are told, which total_commits gives away.
        "commits": [shapes.commit(repository, one) for one in reversed(commits[-_MOST_COMMITS:])],
        "total_commits": len(commits),
        "head_commit": shapes.commit(repository, repository.git.commit_of(new)),
        "repository": shapes.repository(repository),
        "pusher": shapes.user(by),
        "sender": shapes.user(by),
    }


def _known_part(repository: Repository, ref: str) -> str:
    default = repository.git.tip(f"{_HEADS}{repository.default_branch}")
    if not default or ref == f"{_HEADS}{repository.default_branch}":
        return ""
    return repository.git.merge_base(default, repository.git.tip(ref))


def created(shapes: Shapes, repository: Repository, ref: str, sha: str, by: Person) -> dict[str, Any]:
    """A new branch or tag."""
    kind, name = _named(ref)
    shown = {"repository": shapes.repository(repository), "sender": shapes.user(by)}
    return {"sha": sha, "ref": name, "ref_type": kind, **shown}


def deleted(shapes: Shapes, repository: Repository, ref: str, by: Person) -> dict[str, Any]:
    """A branch or tag that is gone."""
    kind, name = _named(ref)
    shown = {"repository": shapes.repository(repository), "sender": shapes.user(by)}
    return {"ref": name, "ref_type": kind, "pusher_type": "user", **shown}


def _named(ref: str) -> tuple[str, str]:
    _, kind, name = ref.split("/", 2)
    return ("branch" if kind == "heads" else "tag"), name


def pull_request(shapes: Shapes, one: PullRequest, action: str, by: Person) -> dict[str, Any]:
    """What became of a pull request."""
    return {
        "action": action,
        "number": one.number,
        "pull_request": shapes.pull_request(one),
        "requested_reviewer": None,
        "repository": shapes.repository(one.repository),
        "sender": shapes.user(by),
        "commit_id": one.head_sha if action == "synchronized" else "",
        "review": None,
    }


def comment(shapes: Shapes, pull: PullRequest, one: Comment, action: str, by: Person) -> dict[str, Any]:
    """A comment on a pull request."""
    changes = {"changes": {"body": {"from": one.bodies[-2]}}} if action == "edited" else {}
    return {
        "action": action,
        "issue": shapes.issue(pull),
        "pull_request": shapes.pull_request(pull),
        "comment": shapes.comment(pull.repository, pull, one),
        **changes,
        "repository": shapes.repository(pull.repository),
        "sender": shapes.user(by),
        "is_pull": True,
    }


def review(shapes: Shapes, pull: PullRequest, one: Review, kind: str) -> dict[str, Any]:
    """A review of a pull request."""
    shown = pull_request(shapes, pull, "reviewed", one.user)
    return {**shown, "review": {"type": kind, "content": one.body}}


def release(shapes: Shapes, repository: Repository, tag: str, by: Person) -> dict[str, Any]:
    """A release of a tag."""
    return {
        "action": "published",
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
