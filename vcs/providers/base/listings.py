"""Lists of repositories at a provider, for people who choose one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

PAGE_SIZE = 50
OWN = "@me"
"""The id of the group of one's own repositories."""


@dataclass(frozen=True, slots=True)
class Group:
    """An account, organization, group, workspace or project that holds repositories."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A repository as a list shows it; ``url`` is for ``git clone`` and holds no login."""

    name: str
    full_name: str
    group: str
    url: str
    private: bool
    default_branch: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, and whether another follows."""

    items: tuple[Listed, ...]
    has_more: bool


def rows_of(data: Any, name: str = "") -> list[dict[str, Any]]:
    """Return the objects of a JSON list, or of the list that a member of an object holds; [] for anything else."""
    rows = data.get(name) if name and isinstance(data, dict) else data
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def without_login(url: str) -> str:
    """Return an address without the user that some providers put into it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def searched(items: Iterable[Listed], search: str) -> list[Listed]:
    """Return what has a text in its name, for providers that search nothing themselves."""
    return [one for one in items if search.lower() in one.full_name.lower()]


def page_of(items: list[Listed], page: int) -> Page:
    """Return a page of a list that the provider gives as a whole."""
    start = (page - 1) * PAGE_SIZE
    return Page(tuple(items[start : start + PAGE_SIZE]), len(items) > start + PAGE_SIZE)
