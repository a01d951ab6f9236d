"""Statuses of commits at GitHub: REST, "Commit statuses"."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from vcs.providers.base import Api, Repository, State, Status

STATES: Mapping[State, str] = {
    State.PENDING: "pending",
    State.RUNNING: "pending",
    State.SUCCESS: "success",
    State.FAILURE: "failure",
    State.CANCELLED: "failure",
    State.ERROR: "error",
}


def send_status(api: Api, repository: Repository, commit: str, status: Status) -> None:
    """Set a commit's status; the provider keeps each one and counts the newest of a context."""
    api.post(
        f"/repos/{quote(repository.path)}/statuses/{quote(commit, safe='')}",
        {
            "state": STATES[status.state],
            "context": status.name,
            "description": status.description,
            "target_url": status.url,
        },
    )
