"""Comments of pull requests at Gitea and Forgejo: API v1, which is GitHub's but for lists."""

from __future__ import annotations

from vcs.providers.base import Api, Repository
from vcs.providers.github.comments import acknowledge, comments_path, create_comment, edit_comment

__all__ = ("acknowledge", "create_comment", "edit_comment", "find_comment")


def find_comment(api: Api, repository: Repository, number: int, marker: str) -> str | None:
    """Return the id of the first comment that begins with a marker; Gitea gives all comments at once."""
    for row in api.get(comments_path(repository, number)).data or ():
        if str(row.get("body") or "").startswith(marker):
            return str(row["id"])
    return None
