"""Comments of pull requests at Bitbucket: "Pull request comments" of Cloud's API 2.0 and of Data Center."""

from __future__ import annotations

from urllib.parse import quote

from vcs.providers.base import Api, Repository
from vcs.providers.bitbucket.paths import is_data_center, pull_request_path

_PAGE = 100
_MOST_PAGES = 10


def _comments(api: Api, repository: Repository, number: int) -> str:
    return f"{pull_request_path(api, repository, number)}/comments"


def create_comment(api: Api, repository: Repository, number: int, text: str) -> str:
    body = {"text": text} if is_data_center(api.url) else {"content": {"raw": text}}
    return str(api.post(_comments(api, repository, number), body).data["id"])


def edit_comment(api: Api, repository: Repository, number: int, comment_id: str, text: str) -> None:
    path = f"{_comments(api, repository, number)}/{quote(comment_id, safe='')}"
    if is_data_center(api.url):
        # It refuses a change of a version that is not the newest.
        api.put(path, {"text": text, "version": api.get(path).data["version"]})
    else:
        api.put(path, {"content": {"raw": text}})


def find_comment(api: Api, repository: Repository, number: int, marker: str) -> str | None:
    """Return the id of the first comment that begins with a marker, among the first thousand.

    The address of the next page in the answer is not followed: pages are counted. Data Center lists comments only
    among all that happened, the newest first.
    """
    if is_data_center(api.url):
        return _find_at_data_center(api, repository, number, marker)
    for page in range(1, _MOST_PAGES + 1):
        found = api.get(_comments(api, repository, number), {"pagelen": _PAGE, "page": page}).data
        for row in found.get("values") or ():
            if not row.get("deleted") and str((row.get("content") or {}).get("raw") or "").startswith(marker):
                return str(row["id"])
        if not found.get("next"):
            break
    return None


def _find_at_data_center(api: Api, repository: Repository, number: int, marker: str) -> str | None:
    path = f"{pull_request_path(api, repository, number)}/activities"
    for page in range(_MOST_PAGES):
        data = api.get(path, {"start": page * _PAGE, "limit": _PAGE}).data
        for row in data.get("values") or ():
            comment = row.get("comment") or {}
            if row.get("action") == "COMMENTED" and str(comment.get("text") or "").startswith(marker):
                return str(comment["id"])
        if data.get("isLastPage", True):
            break
    return None


def acknowledge(api: Api, repository: Repository, number: int, comment_id: str, *, accepted: bool) -> None:
    """Bitbucket has no reactions; the answer in the pull request says it."""
