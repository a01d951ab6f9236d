"""Comments of pull requests at Azure DevOps: REST 7.0, "Git: pull request threads". A comment's id is its thread's."""

from __future__ import annotations

from urllib.parse import quote

from vcs.providers.azure_devops.paths import VERSION, repository_path
from vcs.providers.base import Api, Repository

_TEXT, _CLOSED = 1, 4
"""Its type of comment, and the state of a thread that waits for no answer."""


def _threads(api: Api, repository: Repository, number: int) -> str:
    return f"{repository_path(api, repository)}/pullRequests/{number:d}/threads"


def create_comment(api: Api, repository: Repository, number: int, text: str) -> str:
    comment = {"parentCommentId": 0, "content": text, "commentType": _TEXT}
    # A thread that is closed at once keeps no pull request from being completed.
    answer = api.post(_threads(api, repository, number), {"comments": [comment], "status": _CLOSED}, VERSION)
    return str(answer.data["id"])


def edit_comment(api: Api, repository: Repository, number: int, comment_id: str, text: str) -> None:
    thread = quote(comment_id, safe="")
    api.patch(f"{_threads(api, repository, number)}/{thread}/comments/1", {"content": text}, VERSION)


def find_comment(api: Api, repository: Repository, number: int, marker: str) -> str | None:
    """Return the id of the first thread that begins with a marker."""
    for thread in api.get(_threads(api, repository, number), VERSION).data.get("value") or ():
        comments = thread.get("comments") or ()
        if comments and not thread.get("isDeleted") and str(comments[0].get("content") or "").startswith(marker):
            return str(thread["id"])
    return None


def acknowledge(api: Api, repository: Repository, number: int, comment_id: str, *, accepted: bool) -> None:
    """Azure DevOps has no reactions to be set by others; the answer in the pull request says it."""
