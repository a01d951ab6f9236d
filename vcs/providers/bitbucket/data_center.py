"""Pull requests of Bitbucket Data Center: REST 1.0, "Pull requests".

https://developer.atlassian.com/server/bitbucket/rest/ (pull requests)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vcs.providers.base import Api, PullRequest, Repository
from vcs.providers.bitbucket.paths import pull_request_path


def get_pull_request(api: Api, repository: Repository, number: int) -> PullRequest:
    path = pull_request_path(api, repository, number)
    found = api.get(path).data
    source, target = found["fromRef"], found["toRef"]
    author, commit = _name(found.get("author")), str(source.get("latestCommit") or "")
    head, base = ((side.get("repository") or {}).get("id") for side in (source, target))
    is_open = found.get("state") == "OPEN"
    return PullRequest(
        number=number,
        title=str(found.get("title") or ""),
        author=author,
        branch=str(source.get("displayId") or ""),
        target_branch=str(target.get("displayId") or ""),
        commit=commit,
        # Unless both ids are there and equal, it may be one.
        fork=head is None or head != base,
        open=is_open,
        merged=found.get("state") == "MERGED",
        approved=_is_approved(found.get("reviewers") or (), author, commit),
        mergeable=_is_mergeable(api, path) if is_open else None,
        merge_commit=((found.get("properties") or {}).get("mergeCommit") or {}).get("id"),
    )


def _name(participant: Mapping[str, Any] | None) -> str:
    return str(((participant or {}).get("user") or {}).get("name") or "")


def _is_approved(reviewers: Iterable[Mapping[str, Any]], author: str, commit: str) -> bool:
    """Return whether somebody else than the author approved this very commit, and nobody asks for changes."""
    others = [row for row in reviewers if _name(row) != author]
    if any(row.get("status") == "NEEDS_WORK" for row in others):
        return False
    return any(row.get("status") == "APPROVED" and row.get("lastReviewedCommit", commit) == commit for row in others)


def _is_mergeable(api: Api, path: str) -> bool | None:
    found = api.get(f"{path}/merge").data
    return found["canMerge"] if isinstance(found, dict) and isinstance(found.get("canMerge"), bool) else None
