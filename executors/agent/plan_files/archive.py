"""Archive of the files that a plan created in several places, and of the removed paths."""

from __future__ import annotations

import io
import json
import os
import stat
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from executors.agent.errors import StepFailed
from executors.agent.source.unpack import ArchiveRefused, place_members
from executors.contract.work_folder import remove_tree
from terrakube_site.sentences import marked as _

from .snapshot import Item, shown

_REMOVED = "removed.json"


def pack(
    archive: Path, items: Iterable[Item], removed: Mapping[str, Sequence[str]], *, check: Callable[[], object]
) -> None:
    """Write the entries to the archive, after the list of removed paths. Raises OSError."""
    with tarfile.open(archive, "w:gz", compresslevel=1, encoding="utf-8", errors="surrogateescape") as tar:
        _add_bytes(tar, _REMOVED, json.dumps(removed).encode())
        for item in items:
            check()
            tar.members = []  # type: ignore[attr-defined]  # else it remembers every member
            _add(tar, item)


def restore(archive: Path, place: str, target: Path, *, check: Callable[[], object]) -> None:
    """Restore the files of ``place`` in `target`. Raises StepFailed."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        for path in _read_removed(archive)[place]:
            _remove(target, path)
        place_members(archive, target, check=check, name_of=lambda name: _below(place, name))
    except (ArchiveRefused, OSError, ValueError, KeyError, TypeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise StepFailed(
            "plan-files-failed", _("The files of the plan cannot be restored: {error}."), error=why
        ) from None


def _below(place: str, name: str) -> str | None:
    return name.partition("/")[2] if name.startswith(f"{place}/") else None


def _add(tar: tarfile.TarFile, item: Item) -> None:
    member = tarfile.TarInfo(f"{item.place}/{item.path}")
    member.mode = stat.S_IMODE(item.mode) & 0o777
    if stat.S_ISDIR(item.mode):
        member.type = tarfile.DIRTYPE
        tar.addfile(member)
    elif item.link:
        member.type, member.linkname = tarfile.SYMTYPE, item.link
        tar.addfile(member)
    else:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        with os.fdopen(os.open(os.path.join(item.root, item.path), flags), "rb") as content:
            member.size = item.size
            tar.addfile(member, content)


def _add_bytes(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def _read_removed(archive: Path) -> dict[str, list[str]]:
    """Read the archive's first member: the removed paths of each place."""
    with tarfile.open(archive, "r:gz", encoding="utf-8", errors="surrogateescape") as tar:
        first = tar.next()
        content = tar.extractfile(first) if first is not None and first.name == _REMOVED else None
        if content is None:
            raise ArchiveRefused("it does not say what was removed")
        removed: dict[str, list[str]] = json.loads(content.read())
        return removed


def _remove(target: Path, path: str) -> None:
    parts = path.split("/")
    if ".." in parts or path.startswith("/"):
        raise ArchiveRefused(f"{shown(path)} leaves the source")
    folder = target
    for part in parts[:-1]:
        folder = folder / part
        if folder.is_symlink() or not folder.is_dir():
            # It does not exist, or is behind a link and does not belong to the source.
            return
    remove_tree(folder / parts[-1])
