"""Merge requests of GitLab: REST, "Merge requests" and "Merge request approvals"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from vcs.providers.base import Api, ApiError, PullRequest, Repository

_PAGE = 100
_MOST_PAGES = 30
_UNDECIDED = frozenset({"unchecked", "checking", "preparing", "approvals_syncing"})


def _request(repository: Repository, number: int) -> str:
    return f"/projects/{quote(repository.path, safe='')}/merge_requests/{number:d}"


def head_ref(number: int) -> str:
    """Return the name in this project by which git finds a merge request's commits, those of a fork too."""
    return f"refs/merge-requests/{number:d}/head"


def get_pull_request(api: Api, repository: Repository, number: int) -> PullRequest:
    path = _request(repository, number)
    found = api.get(path, {"include_diverged_commits_count": "true"}).data
    author = str((found.get("author") or {}).get("username") or "")
    source, target = found.get("source_project_id"), found.get("target_project_id")
    diverged = found.get("diverged_commits_count")
    return PullRequest(
        number=number,
        title=str(found.get("title") or ""),
        author=author,
        branch=str(found["source_branch"]),
        target_branch=str(found["target_branch"]),
        commit=str(found["sha"]),
        fork=source is None or source != target,
        open=found.get("state") == "opened",
        merged=found.get("state") == "merged",
        approved=_is_approved(api, path, author),
        mergeable=_is_mergeable(found),
        up_to_date=diverged == 0 if isinstance(diverged, int) else None,
        merge_commit=found.get("merge_commit_sha") or found.get("squash_commit_sha"),
    )


def _is_mergeable(found: Mapping[str, Any]) -> bool | None:
    """Return what GitLab says: ``detailed_merge_status``, or of older versions ``merge_status``."""
    status = str(found.get("detailed_merge_status") or "")
    if status:
        return None if status in _UNDECIDED else status == "mergeable"
    older = found.get("merge_status")
    return older == "can_be_merged" if older in {"can_be_merged", "cannot_be_merged"} else None


def _is_approved(api: Api, path: str, author: str) -> bool | None:
    """Return whether somebody else than the author approved and no required approval is missing."""
    try:
        found = api.get(f"{path}/approvals").data
    except ApiError as error:
        if error.status in {403, 404}:
            return None
        raise
    others = [row for row in found.get("approved_by") or () if (row.get("user") or {}).get("username") != author]
    return bool(others) and not found.get("approvals_left")


def changed_files(api: Api, repository: Repository, number: int) -> frozenset[str] | None:
    """Return the paths that a merge request changes, the old names of renamed ones too; None for too many."""
    found: set[str] = set()
    for page in range(1, _MOST_PAGES + 1):
        answer = api.get(f"{_request(repository, number)}/diffs", {"per_page": _PAGE, "page": page})
        for row in answer.data:
            found |= {str(row[name]) for name in ("new_path", "old_path") if row.get(name)}
        if not answer.headers.get("X-Next-Page") and len(answer.data) < _PAGE:
            return frozenset(found)
    return None
