"""What a delivery tells, the same for every provider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from vcs.choices import EventKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of a repository.

    ``repository_urls`` are normalized clone addresses. ``branch`` is the source branch, the tag for tags and releases.
    ``sender`` is the account's name, ``sender_id`` its id at the provider. ``files`` None: not known which changed.
    ``pull_request`` is its number. ``fork`` is True unless the payload proves that the commit is in this repository.
    """

    kind: EventKind
    action: str = ""
    repository_urls: tuple[str, ...] = ()
    branch: str = ""
    target_branch: str = ""
    commit: str = ""
    before: str = ""
    sender: str = ""
    sender_id: str = ""
    message: str = ""
    files: frozenset[str] | None = None
    pull_request: int | None = None
    fork: bool = True
    comment: str = ""
    comment_id: str = ""
    merged: bool = False


class Sender(TypedDict):
    """Who an event comes from, as arguments of Event."""

    sender: str
    sender_id: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """A delivery that starts nothing, and why, as a marked text."""

    why: str
