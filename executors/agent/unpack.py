"""A tar.gz that somebody else made, unpacked so that nothing lands outside of the target."""

from __future__ import annotations

import os
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from .errors import StepFailed

MAX_BYTES = 4 * 1024**3
MAX_MEMBERS = 500_000
_BLOCK = 64 * 1024


def unpack(
    archive: Path,
    target: Path,
    *,
    check: Callable[[], object] = lambda: None,
    max_bytes: int = MAX_BYTES,
    max_members: int = MAX_MEMBERS,
) -> None:
    """Unpack into `target`, an existing empty directory; `check` may raise to end it early.

    Raises StepFailed for a name or link that leaves the target, a device, or more bytes or members than allowed.
    Owners, times, and the bits above rwx are not taken over.
    """
    written = count = 0
    try:
        # As a stream: one pass, and a forged size cannot make us seek about.
        with tarfile.open(archive, "r|gz") as tar:
            for member in tar:
                tar.members = []  # type: ignore[attr-defined]  # else it remembers every member
                check()
                count += 1
                written += member.size if member.isreg() else 0
                if count > max_members:
                    raise _refused(f"it has more than {max_members} members")
                if written > max_bytes:
                    raise _refused(f"it unpacks to more than {max_bytes} bytes")
                _place(tar, member, target)
    except (tarfile.TarError, EOFError, zlib.error, UnicodeError) as error:
        raise _refused(f"it is damaged ({error})") from None
    except OSError as error:
        raise StepFailed("source-failed", f"The source could not be unpacked: {error.strerror or error}.") from None


def _place(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    parts = _inside(member.name, member.name)
    if not parts:
        return
    path = target.joinpath(*parts)
    _make_parents(target, parts[:-1], member.name)
    if member.isdir():
        if path.is_symlink():
            raise _refused(f"{_shown(member.name)} is written through a link")
        path.mkdir(exist_ok=True)
        path.chmod(0o700 | member.mode & 0o055)
        return
    if path.is_symlink() or path.is_file():
        path.unlink()
    if member.issym():
        if member.linkname.startswith("/"):
            raise _refused(f"the link {_shown(member.name)} leaves the source")
        # Lexically inside is enough: no link that leads out can exist on the way.
        _inside("/".join((*parts[:-1], member.linkname)), member.name)
        os.symlink(member.linkname, path)
    elif member.islnk():
        linked = target.joinpath(*_inside(member.linkname, member.name))
        if linked.is_symlink() or not linked.is_file():
            raise _refused(f"the link {_shown(member.name)} leads to no file of it")
        _make_parents(target, _inside(member.linkname, member.name)[:-1], member.name)
        os.link(linked, path)
    elif member.isreg():
        content = tar.extractfile(member)
        if content is None:
            raise _refused(f"{_shown(member.name)} has no content")
        mode = 0o600 | member.mode & 0o155
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode), "wb") as out:
            while block := content.read(_BLOCK):
                out.write(block)
    else:
        raise _refused(f"{_shown(member.name)} is a device or another special file")


def _inside(name: str, shown: str) -> tuple[str, ...]:
    """The parts of a path below the target, with `..` resolved; refuses what climbs out."""
    if name.startswith("/") or "\0" in name:
        raise _refused(f"{_shown(shown)} has an absolute path")
    parts: list[str] = []
    for part in PurePosixPath(name).parts:
        if part == "..":
            if not parts or name == shown:
                raise _refused(f"{_shown(shown)} leaves the source")
            parts.pop()
        else:
            parts.append(part)
    return tuple(parts)


def _make_parents(target: Path, parts: tuple[str, ...], shown: str) -> None:
    path = target
    for part in parts:
        path = path / part
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise _refused(f"{_shown(shown)} is written through a link")
        path.mkdir(exist_ok=True)


def _shown(name: str) -> str:
    return repr(name if len(name) <= 100 else name[:100] + "…")


def _refused(why: str) -> StepFailed:
    return StepFailed("source-failed", f"The source archive was refused: {why}.")
