"""Statuses of commits at Bitbucket: "Commit statuses" of Cloud's API 2.0, and "Builds" of Data Center from 7.14 on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from urllib.parse import quote

from vcs.providers.base import Api, Repository, State, Status
from vcs.providers.bitbucket.paths import is_data_center, repository_path

STATES: Mapping[State, str] = {
    State.PENDING: "INPROGRESS",
    State.RUNNING: "INPROGRESS",
    State.SUCCESS: "SUCCESSFUL",
    State.FAILURE: "FAILED",
    State.CANCELLED: "STOPPED",
    State.ERROR: "FAILED",
}

CENTER_STATES: Mapping[State, str] = {**STATES, State.CANCELLED: "FAILED"}
"""Data Center knows a state for what was cancelled only from 8.0 on."""


def key_of(name: str) -> str:
    """Return the key of a status, of at most 40 characters: the name, or where it is longer its digest."""
    return name if len(name) <= 40 else hashlib.sha256(name.encode()).hexdigest()[:40]


def send_status(api: Api, repository: Repository, commit: str, status: Status) -> None:
    """Set a commit's status; one of the same key is replaced."""
    path, name = repository_path(api, repository), quote(commit, safe="")
    api.post(
        f"{path}/commits/{name}/builds" if is_data_center(api.url) else f"{path}/commit/{name}/statuses/build",
        {
            "key": key_of(status.name),
            "name": status.name,
            "state": CENTER_STATES[status.state] if is_data_center(api.url) else STATES[status.state],
            "description": status.description,
            "url": status.url,
        },
    )
