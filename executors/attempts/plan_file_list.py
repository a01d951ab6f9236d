"""What a plan made below its work folder, as it is told to the people who approve: the files with their sizes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from workspaces.errors import InvalidInput
from workspaces.models import SavedPlan

MOST_LISTED = 1000
LONGEST_PATH = 8192
LARGEST = 2**50


@dataclass(frozen=True, slots=True)
class PlanFile:
    """One file; ``size`` is in bytes."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class PlanFileList:
    """All files by number and size in bytes, and the first of them; the same of what was removed.

    ``archived`` False: nothing was made and nothing removed, so the plan has no archive beside it.
    """

    archived: bool = False
    count: int = 0
    size: int = 0
    files: tuple[PlanFile, ...] = ()
    removed_count: int = 0
    removed: tuple[str, ...] = ()

    @property
    def unlisted(self) -> int:
        """Return how many files are not among those listed."""
        return self.count - len(self.files)

    @property
    def unlisted_removed(self) -> int:
        """Return how many removed paths are not among those listed."""
        return self.removed_count - len(self.removed)

    def to_json(self) -> dict[str, Any]:
        """Return the list as clients read it."""
        return {
            "count": self.count,
            "bytes": self.size,
            "files": [asdict(file) for file in self.files],
            "removedCount": self.removed_count,
            "removed": list(self.removed),
        }

    def stored(self) -> bytes:
        """Return the list as it is kept."""
        return json.dumps({**self.to_json(), "archived": self.archived}).encode()


def from_report(body: dict[str, Any]) -> PlanFileList:
    """Read what an executor reports. Raises InvalidInput."""
    archived = body.get("archived")
    if not isinstance(archived, bool):
        raise InvalidInput("archived must be true or false.")
    files, removed = body.get("files"), body.get("removed")
    if not isinstance(files, list) or len(files) > MOST_LISTED:
        raise InvalidInput(f"files must be a list of at most {MOST_LISTED} files.")
    if not isinstance(removed, list) or len(removed) > MOST_LISTED:
        raise InvalidInput(f"removed must be a list of at most {MOST_LISTED} paths.")
    return PlanFileList(
        archived=archived,
        count=_number(body.get("count"), "count", len(files)),
        size=_number(body.get("bytes"), "bytes", 0),
        files=tuple(_file(entry) for entry in files),
        removed_count=_number(body.get("removedCount"), "removedCount", len(removed)),
        removed=tuple(_path(entry) for entry in removed),
    )


def stored_list(plan: SavedPlan) -> PlanFileList:
    """Read the list that was kept with a plan; an empty one of a plan from before there were lists."""
    if plan.file_list is None:
        return PlanFileList()
    return from_report(json.loads(plan.file_list))


def _file(entry: Any) -> PlanFile:
    if not isinstance(entry, dict):
        raise InvalidInput("Each of the files must have a path and a size.")
    return PlanFile(_path(entry.get("path")), _number(entry.get("size"), "The size in files", 0))


def _path(value: Any) -> str:
    if not isinstance(value, str) or not value or len(value) > LONGEST_PATH:
        raise InvalidInput(f"A path in files or removed must be a text of 1 to {LONGEST_PATH} characters.")
    return value


def _number(value: Any, name: str, least: int) -> int:
    if type(value) is not int or not least <= value <= LARGEST:
        raise InvalidInput(f"{name} must be a whole number from {least} to {LARGEST}.")
    return value
