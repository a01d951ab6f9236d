"""Configurations for the workspaces of the tests: as archives, and in git repositories that pods can reach."""

import io
import socket
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.spine.processes import Process
from tests.spine.waiting import await_that
from tests.support.patience import patient

_IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")


def archive(files: Mapping[str, str]) -> bytes:
    """The files as a tar.gz."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in files.items():
            content = text.encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=patient(1)):
            return True
    except OSError:
        return False


class Repository:
    """One git repository with a branch main; ``url`` is where pods clone it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.url = url
        self._folder = folder
        folder.mkdir()
        self._git("init", "--quiet", "--initial-branch=main")

    def commit(self, files: Mapping[str, str]) -> str:
        """Write the files and commit them; returns the commit."""
        for name, text in files.items():
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self._git("add", "--all")
        self._git(*_IDENTITY, "commit", "--quiet", "--message=change")
        return self._git("rev-parse", "HEAD")

    def tag(self, name: str) -> None:
        """Tag the newest commit."""
        self._git("tag", name)

    def _git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self._folder), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class GitServer:
    """A git daemon; everything in its folder is public."""

    def __init__(self, folder: Path, host: str, port: int) -> None:
        self._folder = folder
        self._address = f"git://{host}:{port}"

    def repository(self, name: str, files: Mapping[str, str]) -> Repository:
        made = Repository(self._folder / name, f"{self._address}/{name}")
        made.commit(files)
        return made


@contextmanager
def git_server(folder: Path, host: str, environ: Mapping[str, str]) -> Iterator[GitServer]:
    """A git daemon that pods reach."""
    port = free_port(host)
    base = folder / "repositories"
    base.mkdir()
    # A process of root may not read what another user owns without being told that it is fine; here both are the same.
    command = ["git", "daemon", f"--listen={host}", f"--port={port}", f"--base-path={base}", "--export-all"]
    daemon = Process("git-daemon", command, environ, folder)
    daemon.start()
    try:
        await_that(lambda: answers(host, port), "the git daemon answers", 10)
        yield GitServer(base, host, port)
    finally:
        daemon.end()
