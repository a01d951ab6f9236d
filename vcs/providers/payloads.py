"""Read what a provider delivers, which may be anything: a missing or strange member is empty, never an error. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

_NO_COMMIT = re.compile(r"0*")
_COMMIT = re.compile(r"[0-9a-fA-F]{40}(?:[0-9a-fA-F]{24})?")
_MAX_NUMBER = 2**53


@dataclass(frozen=True, slots=True)
class Node:
    """A member of a JSON document, with readers that take what has the wrong type for missing."""

    value: Any

    @classmethod
    def of(cls, body: bytes) -> Node:
        """Return the document that a body is. Raises ValueError for what is no JSON object."""
        try:
            found = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ValueError(str(error)) from None
        if not isinstance(found, dict):
            raise ValueError("The body is no JSON object")
        return cls(found)

    def at(self, *path: str) -> Node:
        """Return the member at a path of names."""
        here = self.value
        for name in path:
            here = here.get(name) if isinstance(here, dict) else None
        return Node(here)

    def text(self, *path: str) -> str:
        found = self.at(*path).value
        return found if isinstance(found, str) else ""

    def number(self, *path: str) -> int | None:
        """Return a whole number that is not negative; None for anything else."""
        found = self.at(*path).value
        return found if type(found) is int and 0 <= found < _MAX_NUMBER else None

    def key(self, *path: str) -> str:
        """Return an id, which is a number or text."""
        found = self.at(*path).value
        return str(found) if type(found) is int or isinstance(found, str) else ""

    def flag(self, *path: str) -> bool:
        return self.at(*path).value is True

    def has(self, *path: str) -> bool:
        return self.at(*path).value is not None

    def items(self, *path: str) -> Iterator[Node]:
        """Return the members of an array."""
        found = self.at(*path).value
        return map(Node, found) if isinstance(found, list) else iter(())

    def texts(self, *path: str) -> Iterator[str]:
        return (item.value for item in self.items(*path) if isinstance(item.value, str))


def is_commit(text: str) -> bool:
    """Return whether a text is a full hash of a commit, and not the zeros that stand for none."""
    return bool(_COMMIT.fullmatch(text)) and not _NO_COMMIT.fullmatch(text)


def branch_of(ref: str) -> str:
    """Return the branch of a full ref; empty for a tag and anything else."""
    return ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else ""


def tag_of(ref: str) -> str:
    return ref.removeprefix("refs/tags/") if ref.startswith("refs/tags/") else ""


def files_of(commits: Iterable[Node]) -> frozenset[str]:
    """Return the files that commits name as added, changed or removed, as GitHub, GitLab and Gitea write them."""
    found: set[str] = set()
    for commit in commits:
        for name in ("added", "modified", "removed"):
            found.update(commit.texts(name))
    return frozenset(found)
