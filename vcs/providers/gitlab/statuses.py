"""Statuses of commits at GitLab: REST, "Commits: set the pipeline status of a commit"."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from vcs.providers.base import Api, ApiError, Repository, State, Status

STATES: Mapping[State, str] = {
    State.PENDING: "pending",
    State.RUNNING: "running",
    State.SUCCESS: "success",
    State.FAILURE: "failed",
    State.CANCELLED: "canceled",
    State.ERROR: "failed",
}


def send_status(api: Api, repository: Repository, commit: str, status: Status) -> None:
    """Set a commit's status.

    GitLab refuses to set a status to what it is already, or two at the same moment: "Cannot transition status". The
    status is then there, or another report of ours is on its way.
    """
    try:
        api.post(
            f"/projects/{quote(repository.path, safe='')}/statuses/{quote(commit, safe='')}",
            {
                "state": STATES[status.state],
                "name": status.name,
                "description": status.description,
                "target_url": status.url,
            },
        )
    except ApiError as error:
        if error.status != 400 or "Cannot transition status" not in error.detail:
            raise
