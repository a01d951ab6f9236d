"""Pull requests of Azure DevOps: REST 7.0, "Git: pull requests" and their iterations."""

from __future__ import annotations

from typing import Any

from vcs.providers.azure_devops.paths import VERSION, changed_paths, repository_path
from vcs.providers.base import Api, PullRequest, Repository

_APPROVED, _REJECTED = 5, -5
"""Votes: 10 approved, 5 approved with suggestions, -5 waits for the author, -10 rejected."""
_PAGE = 2000


def _request(api: Api, repository: Repository, number: int) -> str:
    return f"{repository_path(api, repository)}/pullRequests/{number:d}"


def head_ref(number: int) -> str:
    """Return the name by which git finds a pull request's commits, those of a fork too: below its merge result."""
    return f"refs/pull/{number:d}/merge"


def get_pull_request(api: Api, repository: Repository, number: int) -> PullRequest:
    found = api.get(_request(api, repository, number), VERSION).data
    author = (found.get("createdBy") or {}).get("id")
    merge = found.get("mergeStatus")
    return PullRequest(
        number=number,
        title=str(found.get("title") or ""),
        author=str((found.get("createdBy") or {}).get("uniqueName") or author or ""),
        branch=str(found["sourceRefName"]).removeprefix("refs/heads/"),
        target_branch=str(found["targetRefName"]).removeprefix("refs/heads/"),
        commit=str((found.get("lastMergeSourceCommit") or {}).get("commitId") or ""),
        fork=bool(found.get("forkSource")),
        open=found.get("status") == "active",
        merged=found.get("status") == "completed",
        approved=_is_approved(found.get("reviewers") or (), author),
        mergeable=merge == "succeeded" if merge in {"succeeded", "conflicts", "rejectedByPolicy", "failure"} else None,
        merge_commit=(found.get("lastMergeCommit") or {}).get("commitId")
        if found.get("status") == "completed"
        else None,
    )


def _is_approved(reviewers: Any, author: Any) -> bool:
    """Return whether somebody else than the author approved, nobody rejects and all who are required have approved."""
    others = [row for row in reviewers if row.get("id") != author]
    votes = [int(row.get("vote") or 0) for row in others]
    missing = any(row.get("isRequired") and int(row.get("vote") or 0) < _APPROVED for row in others)
    return not missing and any(vote >= _APPROVED for vote in votes) and not any(vote <= _REJECTED for vote in votes)


def changed_files(api: Api, repository: Repository, number: int) -> frozenset[str] | None:
    """Return the paths that a pull request changes, the old names of renamed ones too; None for too many."""
    path = _request(api, repository, number)
    rounds = api.get(f"{path}/iterations", VERSION).data.get("value") or ()
    if not rounds:
        return None
    newest = max(int(row["id"]) for row in rounds)
    query: dict[str, str | int] = {**VERSION, "$top": _PAGE, "$compareTo": 0}
    data = api.get(f"{path}/iterations/{newest}/changes", query).data
    rows = data.get("changeEntries") or ()
    if data.get("nextSkip") or len(rows) >= _PAGE:
        return None
    return frozenset(changed_paths(rows))
