"""Comments of pull requests at GitHub: REST, "Issue comments" and "Reactions"."""

from __future__ import annotations

from urllib.parse import quote

from vcs.providers.base import Api, Repository

_PAGE = 100
_MOST_PAGES = 10


def comments_path(repository: Repository, number: int) -> str:
    return f"/repos/{quote(repository.path)}/issues/{number:d}/comments"


def _comment(repository: Repository, comment_id: str) -> str:
    return f"/repos/{quote(repository.path)}/issues/comments/{quote(comment_id, safe='')}"


def create_comment(api: Api, repository: Repository, number: int, text: str) -> str:
    return str(api.post(comments_path(repository, number), {"body": text}).data["id"])


def edit_comment(api: Api, repository: Repository, number: int, comment_id: str, text: str) -> None:
    api.patch(_comment(repository, comment_id), {"body": text})


def find_comment(api: Api, repository: Repository, number: int, marker: str) -> str | None:
    """Return the id of the first comment that begins with a marker, among the first thousand."""
    for page in range(1, _MOST_PAGES + 1):
        rows = api.get(comments_path(repository, number), {"per_page": _PAGE, "page": page}).data
        for row in rows:
            if str(row.get("body") or "").startswith(marker):
                return str(row["id"])
        if len(rows) < _PAGE:
            break
    return None


def acknowledge(api: Api, repository: Repository, number: int, comment_id: str, *, accepted: bool) -> None:
    api.post(f"{_comment(repository, comment_id)}/reactions", {"content": "+1" if accepted else "-1"})
