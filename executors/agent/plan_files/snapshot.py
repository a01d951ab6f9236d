"""Snapshots of a folder by file metadata, and the difference of two; no file is read."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from executors.agent.errors import unreadable

#: Folders that terraform, git and others fill themselves and recreate when needed.
CACHES = frozenset({".git", ".terraform", ".terragrunt-cache", "__pycache__"})
_TAG_FILE = "CACHEDIR.TAG"
_TAG = b"Signature: 8a477f597d28d172789f06886806bc55"

#: Mode, size, modification time in nanoseconds, and inode of a file; for a folder only the mode.
Stamp = tuple[int, int, int, int]


@dataclass(slots=True)
class Snapshot:
    """Entries below a folder by relative path.

    Folders in `skipped` were not read; those of them in `unreadable` are no caches.
    """

    entries: dict[str, Stamp] = field(default_factory=dict)
    skipped: set[str] = field(default_factory=set)
    unreadable: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Item:
    """One entry that goes into an archive: under `place` there, at `path` below `root` on the disk.

    `link` is the target of a symbolic link, "" for a file or folder.
    """

    place: str
    root: str
    path: str
    mode: int
    size: int
    link: str = ""


@dataclass(slots=True)
class Difference:
    """New, changed and removed entries of a later snapshot."""

    made: dict[str, Stamp] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)


def take_snapshot(root: str, *, leave_out: Iterable[str] = (), check: Callable[[], object] = lambda: None) -> Snapshot:
    """Take a snapshot of `root` without caches and the relative paths in `leave_out`; `check` may raise to abort.

    A missing root is empty. Raises StepFailed for a folder that cannot be read.
    """
    found = Snapshot()
    absent = frozenset(leave_out)
    folders = [""] if os.path.isdir(root) else []
    while folders:
        folder = folders.pop()
        check()
        try:
            with os.scandir(os.path.join(root, folder)) as entries:
                _look_at(list(entries), folder, absent, found, folders)
        except PermissionError:
            found.skipped.add(folder)
            found.unreadable.append(folder)
        except OSError as error:
            raise unreadable(shown(folder), error) from None
    return found


def _look_at(
    entries: list[os.DirEntry[str]], folder: str, absent: frozenset[str], found: Snapshot, folders: list[str]
) -> None:
    if folder and any(entry.name == _TAG_FILE and _is_tag(entry) for entry in entries):
        found.skipped.add(folder)
        return
    for entry in entries:
        path = f"{folder}/{entry.name}" if folder else entry.name
        if entry.name in CACHES or path in absent:
            found.skipped.add(path)
            continue
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            found.entries[path] = (status.st_mode, 0, 0, 0)
            folders.append(path)
        else:
            found.entries[path] = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ino)


def _is_tag(entry: os.DirEntry[str]) -> bool:
    try:
        with open(entry.path, "rb") as file:
            return entry.is_file(follow_symlinks=False) and file.read(len(_TAG)) == _TAG
    except OSError:
        return False


def difference(before: Snapshot, after: Snapshot) -> Difference:
    """Compare two snapshots of one folder.

    The contents of a removed folder are not listed. An entry whose kind changed is both removed and made.
    """
    found = Difference()
    for path, stamp in sorted(after.entries.items()):
        earlier = before.entries.get(path)
        if earlier != stamp and not _is_within(path, before.skipped):
            found.made[path] = stamp
    gone: set[str] = set()
    for path, stamp in sorted(before.entries.items()):
        now = after.entries.get(path)
        if now is not None and stat.S_IFMT(now[0]) == stat.S_IFMT(stamp[0]):
            continue
        if not _is_within(path, after.skipped) and not _is_within(path, gone):
            gone.add(path)
            found.removed.append(path)
    return found


def _is_within(path: str, folders: set[str]) -> bool:
    """Return True if a path or a parent folder is among these."""
    if not folders:
        return False
    while path:
        if path in folders:
            return True
        path = path.rpartition("/")[0]
    return False


def shown(path: str) -> str:
    """Format a file name for people: any bytes, and no character that moves a cursor."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
