"""Pull requests of GitHub: REST, "Pulls", "Reviews" and "Compare two commits"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from vcs.providers.base import Api, ApiError, PullRequest, Repository

_PAGE = 100
_MOST_FILES = 3000
"""GitHub lists no more files of a pull request than these."""
_MOST_REVIEWS = 10
_MOST_APPROVERS = 10
_WRITERS = frozenset({"admin", "write"})
_DECIDING = frozenset({"APPROVED", "CHANGES_REQUESTED", "DISMISSED"})


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
    return PullRequest(
        number=number,
        title=str(found.get("title") or ""),
        author=author,
        branch=str(head["ref"]),
        target_branch=str(base["ref"]),
        commit=str(head["sha"]),
        fork=not _same_repository(head.get("repo"), base.get("repo")),
        open=is_open,
        merged=bool(found.get("merged")),
        approved=_is_approved_by_a_writer(
            api, repository, approvers(_reviews(api, repository, number), author=author, commit=str(head["sha"]))
        ),
        mergeable=found.get("mergeable"),
        up_to_date=_is_up_to_date(api, repository, str(base["ref"]), str(head["sha"])) if is_open else None,
        merge_commit=found.get("merge_commit_sha") if found.get("merged") else None,
    )


def _same_repository(head: Mapping[str, Any] | None, base: Mapping[str, Any] | None) -> bool:
    # A fork that was deleted is null.
    return bool(head and base and head.get("id") is not None and head.get("id") == base.get("id"))


def _reviews(api: Api, repository: Repository, number: int) -> Iterator[Mapping[str, Any]]:
    for page in range(1, _MOST_REVIEWS + 1):
        query = {"per_page": _PAGE, "page": page}
        rows = api.get(f"{_base(repository)}/pulls/{number:d}/reviews", query).data
        yield from rows
        if len(rows) < _PAGE:
            return


def is_approved(reviews: Iterable[Mapping[str, Any]], *, author: str, commit: str) -> bool:
    """Return whether somebody else than the author approved this very commit, and nobody asks for changes."""
    return bool(approvers(reviews, author=author, commit=commit))


def approvers(reviews: Iterable[Mapping[str, Any]], *, author: str, commit: str) -> list[str]:
    """Return who else than the author approved this very commit; empty if anybody asks for changes.

    Of each person the last review counts. An approval of an older commit does not cover what was pushed since.
    """
    last: dict[str, Mapping[str, Any]] = {}
    for review in reviews:
        login = str((review.get("user") or {}).get("login") or "")
        if login and login != author and review.get("state") in _DECIDING:
            last[login] = review
    if any(review["state"] == "CHANGES_REQUESTED" for review in last.values()):
        return []
    return [
        login for login, review in last.items() if review["state"] == "APPROVED" and review.get("commit_id") == commit
    ]


def _is_approved_by_a_writer(api: Api, repository: Repository, logins: list[str]) -> bool | None:
    """Return whether one of them may write to the repository; None if GitHub does not say.

    Everybody who reads a repository may approve, in a public one the author's second account too.
    """
    unknown = False
    for login in logins[:_MOST_APPROVERS]:
        try:
            found = api.get(f"{_base(repository)}/collaborators/{quote(login, safe='')}/permission").data
        except ApiError as error:
            if error.status not in {403, 404}:
                raise
            unknown = unknown or error.status == 403
            continue
        if (found or {}).get("permission") in _WRITERS:
            return True
    return None if unknown else False


def _is_up_to_date(api: Api, repository: Repository, target: str, commit: str) -> bool | None:
    refs = f"{quote(target, safe='')}...{quote(commit, safe='')}"
    behind = (api.get(f"{_base(repository)}/compare/{refs}", {"per_page": 1}).data or {}).get("behind_by")
    return behind == 0 if isinstance(behind, int) else None


def changed_files(api: Api, repository: Repository, number: int) -> frozenset[str] | None:
    """Return the paths that a pull request changes, the old names of renamed ones too; None for too many."""
    found: set[str] = set()
    for page in range(1, _MOST_FILES // _PAGE + 1):
        query = {"per_page": _PAGE, "page": page}
        rows = api.get(f"{_base(repository)}/pulls/{number:d}/files", query).data
        for row in rows:
            found |= {str(row[name]) for name in ("filename", "previous_filename") if row.get(name)}
        if len(rows) < _PAGE:
            return frozenset(found)
    return None
