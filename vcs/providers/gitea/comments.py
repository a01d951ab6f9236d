"""Comments of pull requests at Gitea and Forgejo: API v1, those of the issue with the same number."""

from __future__ import annotations

from urllib.parse import quote

from vcs.providers.base import Api, Repository


def _issue(repository: Repository, number: int) -> str:
    return f"/repos/{quote(repository.path)}/issues/{number:d}/comments"


def _comment(repository: Repository, comment_id: str) -> str:
    return f"/repos/{quote(repository.path)}/issues/comments/{quote(comment_id, safe='')}"


def create_comment(api: Api, repository: Repository, number: int, text: str) -> str:
    return str(api.post(_issue(repository, number), {"body": text}).data["id"])


def edit_comment(api: Api, repository: Repository, number: int, comment_id: str, text: str) -> None:
    api.patch(_comment(repository, comment_id), {"body": text})


def find_comment(api: Api, repository: Repository, number: int, marker: str) -> str | None:
    """Return the id of the first comment that begins with a marker; Gitea gives all comments at once."""
    for row in api.get(_issue(repository, number)).data or ():
        if str(row.get("body") or "").startswith(marker):
            return str(row["id"])
    return None


def acknowledge(api: Api, repository: Repository, number: int, comment_id: str, *, accepted: bool) -> None:
    api.post(f"{_comment(repository, comment_id)}/reactions", {"content": "+1" if accepted else "-1"})
