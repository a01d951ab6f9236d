"""Unpack an untrusted tar.gz so that nothing of it lands or links outside of the target.

A member is never written through a link. Link targets are checked on the disk after all members are in place: a link
that is harmless by itself can lead out through another one that comes later.
"""

from __future__ import annotations

import os
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from executors.agent.errors import StepFailed
from terrakube_site.sentences import marked as _

from .links import leads_out

MAX_BYTES = 4 * 1024**3
MAX_MEMBERS = 500_000
_BLOCK = 64 * 1024


class ArchiveRefused(Exception):
    """The archive is damaged, or holds what must not be unpacked; the text says what, without a full stop."""


def unpack(
    archive: Path,
    target: Path,
    *,
    check: Callable[[], object] = lambda: None,
    max_bytes: int = MAX_BYTES,
    max_members: int = MAX_MEMBERS,
) -> None:
    """Unpack a source into `target`, an existing empty directory; `check` may raise to end it early.

    Raises StepFailed for a name or link that leaves the target, a device, or more bytes or members than allowed.
    Owners, times, and the bits above rwx are not taken over.
    """
    try:
        place_members(archive, target, check=check, max_bytes=max_bytes, max_members=max_members)
    except ArchiveRefused as refusal:
        raise StepFailed("source-failed", _("The source archive was refused: {error}."), error=refusal) from None
    except OSError as error:
        raise StepFailed(
            "source-failed", _("The source could not be unpacked: {error}."), error=error.strerror or error
        ) from None


def place_members(
    archive: Path,
    target: Path,
    *,
    check: Callable[[], object] = lambda: None,
    max_bytes: int = MAX_BYTES,
    max_members: int = MAX_MEMBERS,
    name_of: Callable[[str], str | None] = lambda name: name,
) -> None:
    """Put the members of an archive into `target`, over what is there.

    `name_of` gives a member's path below the target; it leaves out the members for which it returns None.
    Raises ArchiveRefused, and OSError where the disk does not take it.
    """
    written = count = 0
    links: dict[tuple[str, ...], str] = {}
    try:
        # As a stream: one pass, and a forged size cannot make us seek about.
        with tarfile.open(archive, "r|gz", encoding="utf-8", errors="surrogateescape") as tar:
            for member in tar:
                tar.members = []  # type: ignore[attr-defined]  # else it remembers every member
                check()
                count += 1
                written += member.size if member.isreg() else 0
                if count > max_members:
                    raise ArchiveRefused(f"it has more than {max_members} members")
                if written > max_bytes:
                    raise ArchiveRefused(f"it unpacks to more than {max_bytes} bytes")
                name = name_of(member.name)
                if name is None:
                    continue
                parts = _inside(name, name)
                if parts:
                    _place(tar, member, target, parts, name, name_of)
                if member.issym():
                    links[parts] = name
    except (tarfile.TarError, EOFError, zlib.error, UnicodeError) as error:
        raise ArchiveRefused(f"it is damaged ({error})") from None
    root = os.path.realpath(target)
    for parts, name in links.items():
        if leads_out(root, parts):
            raise ArchiveRefused(f"the link {_shown(name)} leaves the source")


def _place(
    tar: tarfile.TarFile,
    member: tarfile.TarInfo,
    target: Path,
    parts: tuple[str, ...],
    name: str,
    name_of: Callable[[str], str | None],
) -> None:
    path = target.joinpath(*parts)
    make_parents(target, parts[:-1], name)
    if member.isdir():
        if path.is_symlink():
            raise ArchiveRefused(f"{_shown(name)} is written through a link")
        path.mkdir(exist_ok=True)
        path.chmod(0o700 | member.mode & 0o055)
        return
    if path.is_symlink() or path.is_file():
        path.unlink()
    if member.issym():
        if member.linkname.startswith("/"):
            raise ArchiveRefused(f"the link {_shown(name)} leaves the source")
        _inside("/".join((*parts[:-1], member.linkname)), name)
        os.symlink(member.linkname, path)
    elif member.islnk():
        linked_name = name_of(member.linkname)
        linked_parts = _inside(linked_name or "", name)
        # Before it is looked at: what is asked of a path is asked through the links in it.
        make_parents(target, linked_parts[:-1], name)
        linked = target.joinpath(*linked_parts)
        if not linked_parts or linked.is_symlink() or not linked.is_file():
            raise ArchiveRefused(f"the link {_shown(name)} leads to no file of it")
        os.link(linked, path, follow_symlinks=False)
    elif member.isreg():
        content = tar.extractfile(member)
        if content is None:
            raise ArchiveRefused(f"{_shown(name)} has no content")
        mode = 0o600 | member.mode & 0o155
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode), "wb") as out:
            while block := content.read(_BLOCK):
                out.write(block)
    else:
        raise ArchiveRefused(f"{_shown(name)} is a device or another special file")


def _inside(name: str, shown: str) -> tuple[str, ...]:
    """The parts of a path below the target, with `..` resolved; refuses what climbs out."""
    if name.startswith("/") or "\0" in name:
        raise ArchiveRefused(f"{_shown(shown)} has an absolute path")
    parts: list[str] = []
    for part in PurePosixPath(name).parts:
        if part == "..":
            if not parts or name == shown:
                raise ArchiveRefused(f"{_shown(shown)} leaves the source")
            parts.pop()
        else:
            parts.append(part)
    return tuple(parts)


def make_parents(target: Path, parts: tuple[str, ...], shown: str) -> None:
    """Make the folders of a path below `target`; raises ArchiveRefused when one of them is a link or a file."""
    path = target
    for part in parts:
        path = path / part
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise ArchiveRefused(f"{_shown(shown)} is written through a link")
        path.mkdir(exist_ok=True)


def _shown(name: str) -> str:
    return repr(name if len(name) <= 100 else name[:100] + "…")
