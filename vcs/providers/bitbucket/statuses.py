"""Statuses of commits at Bitbucket Cloud: API 2.0, "Commit statuses: create a build status"."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from urllib.parse import quote

from vcs.providers.base import Api, Repository, State, Status

STATES: Mapping[State, str] = {
    State.PENDING: "INPROGRESS",
    State.RUNNING: "INPROGRESS",
    State.SUCCESS: "SUCCESSFUL",
    State.FAILURE: "FAILED",
    State.CANCELLED: "STOPPED",
    State.ERROR: "FAILED",
}


def key_of(name: str) -> str:
    """Return the key of a status, of at most 40 characters: the name, or where it is longer its digest."""
    return name if len(name) <= 40 else hashlib.sha256(name.encode()).hexdigest()[:40]


def send_status(api: Api, repository: Repository, commit: str, status: Status) -> None:
    """Set a commit's status; one of the same key is replaced."""
    api.post(
        f"/repositories/{quote(repository.path)}/commit/{quote(commit, safe='')}/statuses/build",
        {
            "key": key_of(status.name),
            "name": status.name,
            "state": STATES[status.state],
            "description": status.description,
            "url": status.url,
        },
    )
