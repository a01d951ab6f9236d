"""The source of a workspace as a job would get it: its repository at the ref, or what was uploaded."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from executors.contract.git_output import NO_SUCH_REF, last_words_of_git
from executors.contract.repository_access import RepositoryAccess, RepositoryAccessError
from executors.launching.site_git import GitTimeout, SiteGit, site_git
from executors.preflight.findings import Finding, finding
from terrakube_site.outgoing import OutgoingError, Refused
from workspaces.encryption import DecryptionError
from workspaces.models import Workspace
from workspaces.validation.repositories import COMMIT, NO_REPOSITORY

_LARGEST_FILE = 4 * 2**20
_MOST_FILES = 10_000
_MOST_BYTES = 256 * 2**20
"""Of an upload, unpacked: a small archive may hold zeros for the whole of this machine's disk."""
_PLACE = "source"


@dataclass(frozen=True, slots=True)
class Source:
    """The folder of a configuration, and its path in the source; or why there is none."""

    folder: Path | None = None
    path: str = ""
    problem: Finding | None = None

    def place(self, where: str) -> str:
        """Return the place of a file, or of a line of it, in the source."""
        return f"{self.path}/{where}" if self.path else where


class _Problem(Exception):
    def __init__(self, code: str, place: str = _PLACE, /, **words: str) -> None:
        super().__init__(code)
        self.finding = finding(code, place, **words)


@contextmanager
def source_of(workspace: Workspace, access: RepositoryAccess) -> Iterator[Source]:
    """Provide the configuration of a workspace in a folder that goes afterwards."""
    with tempfile.TemporaryDirectory(prefix="terrakube-preflight-") as name:
        yield _source(workspace, access, Path(name))


def _source(workspace: Workspace, access: RepositoryAccess, target: Path) -> Source:
    try:
        if workspace.uploaded_source:
            _unpack(workspace, target)
        elif not workspace.source or workspace.source == NO_REPOSITORY:
            raise _Problem("source-missing")
        else:
            with site_git(access) as git:
                _fetch(git, workspace.first_branch, target)
            _tidy(target)
        return _configuration(workspace, target)
    except _Problem as problem:
        return Source(problem=problem.finding)
    except Refused as error:
        return Source(problem=finding("source-unchecked", _PLACE, why=str(error)))
    except (OutgoingError, RepositoryAccessError, GitTimeout) as error:
        return Source(problem=finding("source-unreachable", _PLACE, why=str(error).rstrip(".")))


def _fetch(git: SiteGit, ref: str, target: Path) -> None:
    _must(git, ["init", "--quiet", str(target)])
    source = git.access.source
    wanted = [ref] if COMMIT.fullmatch(ref) else [f"refs/heads/{ref}", f"refs/tags/{ref}"]
    said = ""
    for name in wanted:
        code, said = git.run(["fetch", "--quiet", "--depth", "1", "--", source, name], cwd=target)
        if not code:
            _must(git, ["checkout", "--quiet", "--detach", "FETCH_HEAD"], cwd=target)
            return
        if NO_SUCH_REF not in said:
            break
    if COMMIT.fullmatch(ref):
        # Fetching by hash is the server's choice; all of its branches and tags hold it, or it is gone.
        code, said = git.run(
            ["fetch", "--quiet", "--tags", "--", source, "+refs/heads/*:refs/remotes/origin/*"], cwd=target
        )
        if not code:
            if git.run(["checkout", "--quiet", "--detach", ref], cwd=target)[0]:
                raise _Problem("ref-missing", "branch", ref=ref)
            return
    if NO_SUCH_REF in said:
        raise _Problem("ref-missing", "branch", ref=ref)
    raise _Problem("source-unreachable", why=last_words_of_git(said) or "git failed")


def _must(git: SiteGit, arguments: list[str], *, cwd: Path | None = None) -> None:
    code, said = git.run(arguments, cwd=cwd)
    if code:
        raise _Problem("source-unreachable", why=last_words_of_git(said) or f"git {arguments[0]} failed")


def _tidy(root: Path) -> None:
    """Remove what must not be read: links that leave the source, and files too large for a configuration."""
    inside = root.resolve()
    for folder, folders, files in os.walk(root):
        for path in (Path(folder, name) for name in (*folders, *files)):
            # Path.resolve() raises for a link to itself.
            leads_out = path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(inside)
            if leads_out or (path.is_file() and path.stat().st_size > _LARGEST_FILE):
                path.unlink()


def _unpack(workspace: Workspace, target: Path) -> None:
    """Unpack the small files of the newest upload; links and all else are left out, since nothing is run."""
    newest = workspace.configuration_versions.exclude(content=None).first()
    try:
        if newest is None or newest.content is None:
            raise _Problem("source-missing")
    except DecryptionError as error:
        raise _Problem("source-unreachable", why=error.sentence.rstrip(".")) from error
    try:
        with tarfile.open(fileobj=io.BytesIO(newest.content), mode="r|gz") as archive:
            size = 0
            for count, member in enumerate(archive):
                if not (member.isdir() or (member.isreg() and member.size <= _LARGEST_FILE)):
                    continue
                size += member.size
                if count >= _MOST_FILES or size > _MOST_BYTES:
                    raise _Problem("source-unreachable", why="the archive is too large to be read here")
                archive.extract(member, target, filter="data")
    except (tarfile.TarError, EOFError, zlib.error, OSError, UnicodeError) as error:
        raise _Problem("source-unreachable", why=f"the archive cannot be unpacked ({error})") from error


def _configuration(workspace: Workspace, root: Path) -> Source:
    parts = [part for part in workspace.first_folder.split("/") if part]
    folder = Path(os.path.realpath(root.joinpath(*parts)))
    if not folder.is_relative_to(root.resolve()) or not folder.is_dir():
        raise _Problem("folder-missing", "folder", folder=workspace.first_folder)
    return Source(folder, "/".join(parts))
