"""Pull requests of Gitea and Forgejo: API v1, ``repoGetPullRequest``, reviews and comparison."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from vcs.providers.base import Api, PullRequest, Repository

_PAGE = 50
"""The most that an installation gives at once unless it says otherwise (``MAX_RESPONSE_ITEMS``)."""
_MOST_PAGES = 60
_DECIDING = frozenset({"APPROVED", "REQUEST_CHANGES"})


def _base(repository: Repository) -> str:
    return f"/repos/{quote(repository.path)}"


def head_ref(number: int) -> str:
    """Return the name in this repository by which git finds a pull request's commits, those of a fork too."""
    return f"refs/pull/{number:d}/head"


def get_pull_request(api: Api, repository: Repository, number: int) -> PullRequest:
    found = api.get(f"{_base(repository)}/pulls/{number:d}").data
    head, base = found["head"], found["base"]
    author = str((found.get("user") or {}).get("login") or "")
    is_open = found.get("state") == "open"
    same = head.get("repo_id") and head.get("repo_id") == base.get("repo_id")
    return PullRequest(
        number=number,
        title=str(found.get("title") or ""),
        author=author,
        branch=str(head["ref"]),
        target_branch=str(base["ref"]),
        commit=str(head["sha"]),
        fork=not same,
        open=is_open,
        merged=bool(found.get("merged")),
        approved=is_approved(
            _pages(api, f"{_base(repository)}/pulls/{number:d}/reviews"), author=author, commit=str(head["sha"])
        ),
        mergeable=found.get("mergeable"),
        up_to_date=_is_up_to_date(api, repository, str(base["ref"]), str(head["sha"])) if is_open else None,
        merge_commit=found.get("merge_commit_sha") if found.get("merged") else None,
    )


def _pages(api: Api, path: str) -> Iterator[Mapping[str, Any]]:
    for page in range(1, _MOST_PAGES + 1):
        rows = api.get(path, {"limit": _PAGE, "page": page}).data or ()
        yield from rows
        if len(rows) < _PAGE:
            return


def is_approved(reviews: Iterable[Mapping[str, Any]], *, author: str, commit: str) -> bool:
    """Return whether somebody else than the author approved this very commit, and nobody asks for changes.

    Only an official approval counts: that of one who may write to the repository, or whom its protected branch names.
    """
    last: dict[str, Mapping[str, Any]] = {}
    for review in reviews:
        login = str((review.get("user") or {}).get("login") or "")
        if login and login != author and review.get("state") in _DECIDING and not review.get("dismissed"):
            last[login] = review
    if any(review["state"] == "REQUEST_CHANGES" for review in last.values()):
        return False
    return any(
        review["state"] == "APPROVED"
        and review.get("official")
        and not review.get("stale")
        and review.get("commit_id", commit) == commit
        for review in last.values()
    )


def _is_up_to_date(api: Api, repository: Repository, target: str, commit: str) -> bool | None:
    refs = f"{quote(commit, safe='')}...{quote(target, safe='')}"
    missing = (api.get(f"{_base(repository)}/compare/{refs}").data or {}).get("total_commits")
    return missing == 0 if isinstance(missing, int) else None


def changed_files(api: Api, repository: Repository, number: int) -> frozenset[str] | None:
    """Return the paths that a pull request changes, the old names of renamed ones too; None for too many."""
    found: set[str] = set()
    count = 0
    for row in _pages(api, f"{_base(repository)}/pulls/{number:d}/files"):
        count += 1
        found |= {str(row[name]) for name in ("filename", "previous_filename") if row.get(name)}
    return frozenset(found) if count < _PAGE * _MOST_PAGES else None
