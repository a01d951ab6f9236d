"""Comments of pull requests at Bitbucket Cloud: API 2.0, "Pull request comments"."""

from __future__ import annotations

from urllib.parse import quote

from vcs.providers.base import Api, Repository

_PAGE = 100
_MOST_PAGES = 10


def _comments(repository: Repository, number: int) -> str:
    return f"/repositories/{quote(repository.path)}/pullrequests/{number:d}/comments"


def create_comment(api: Api, repository: Repository, number: int, text: str) -> str:
    return str(api.post(_comments(repository, number), {"content": {"raw": text}}).data["id"])


def edit_comment(api: Api, repository: Repository, number: int, comment_id: str, text: str) -> None:
    api.put(f"{_comments(repository, number)}/{quote(comment_id, safe='')}", {"content": {"raw": text}})


def find_comment(api: Api, repository: Repository, number: int, marker: str) -> str | None:
    """Return the id of the first comment that begins with a marker, among the first thousand.

    The address of the next page in the answer is not followed: pages are counted.
    """
    for page in range(1, _MOST_PAGES + 1):
        found = api.get(_comments(repository, number), {"pagelen": _PAGE, "page": page}).data
        for row in found.get("values") or ():
            if not row.get("deleted") and str((row.get("content") or {}).get("raw") or "").startswith(marker):
                return str(row["id"])
        if not found.get("next"):
            break
    return None


def acknowledge(api: Api, repository: Repository, number: int, comment_id: str, *, accepted: bool) -> None:
    """Bitbucket has no reactions; the answer in the pull request says it."""
