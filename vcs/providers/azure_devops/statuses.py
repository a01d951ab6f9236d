"""Statuses of commits at Azure DevOps: REST 7.0, "Git: statuses"."""

from __future__ import annotations

from collections.abc import Mapping

from vcs.providers.azure_devops.paths import VERSION, repository_path
from vcs.providers.base import Api, Repository, State, Status

GENRE = "Terrakube"
STATES: Mapping[State, str] = {
    State.PENDING: "pending",
    State.RUNNING: "pending",
    State.SUCCESS: "succeeded",
    State.FAILURE: "failed",
    State.CANCELLED: "failed",
    State.ERROR: "error",
}


def send_status(api: Api, repository: Repository, commit: str, status: Status) -> None:
    """Set a commit's status; the newest of a genre and name counts."""
    api.post(
        f"{repository_path(api, repository)}/commits/{commit}/statuses",
        {
            "state": STATES[status.state],
            "description": status.description,
            "targetUrl": status.url,
            "context": {"name": status.name, "genre": GENRE},
        },
        VERSION,
    )
