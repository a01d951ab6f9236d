"""Comments of merge requests at GitLab: REST, "Notes" and "Emoji reactions"."""

from __future__ import annotations

from urllib.parse import quote

from vcs.providers.base import Api, ApiError, Repository

_PAGE = 100
_MOST_PAGES = 10


def _notes(repository: Repository, number: int) -> str:
    return f"/projects/{quote(repository.path, safe='')}/merge_requests/{number:d}/notes"


def _note(repository: Repository, number: int, comment_id: str) -> str:
    return f"{_notes(repository, number)}/{quote(comment_id, safe='')}"


def create_comment(api: Api, repository: Repository, number: int, text: str) -> str:
    return str(api.post(_notes(repository, number), {"body": text}).data["id"])


def edit_comment(api: Api, repository: Repository, number: int, comment_id: str, text: str) -> None:
    api.put(_note(repository, number, comment_id), {"body": text})


def find_comment(api: Api, repository: Repository, number: int, marker: str) -> str | None:
    """Return the id of the first note that begins with a marker, among the first thousand."""
    for page in range(1, _MOST_PAGES + 1):
        query: dict[str, str | int] = {"per_page": _PAGE, "page": page, "sort": "asc", "order_by": "created_at"}
        rows = api.get(_notes(repository, number), query).data
        for row in rows:
            if not row.get("system") and str(row.get("body") or "").startswith(marker):
                return str(row["id"])
        if len(rows) < _PAGE:
            break
    return None


def acknowledge(api: Api, repository: Repository, number: int, comment_id: str, *, accepted: bool) -> None:
    try:
        name = "white_check_mark" if accepted else "x"
        api.post(f"{_note(repository, number, comment_id)}/award_emoji", {"name": name})
    except ApiError as error:
        # It is there already.
        if error.status != 404 or "already" not in error.detail:
            raise
