"""The folder in which every step of a workspace works: always at the same path, and of one step at a time.

`path.cwd`, `path.root` and `abspath()` hold the path of the source, and what a plan wrote of it into its resources must
be the same when it is applied, and when the next job plans. In a pod of its own that path is one for all; where several
steps can meet (on a machine, on a volume that pods share) each workspace has its own.

A step holds a lock on its workspace's folder. The lock is one of the kernel's on an open file: it goes with the process
that holds it, and with all that this process started, so that a killed executor leaves no stale lock, and a script that
outlives it still keeps the next step out. A plan-only job, which may run beside another job of its workspace, waits for
the folder too: in a folder of its own it would report changes of paths that are none.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

#: The folder of a workspace on a machine where executors of several workspaces run.
FOLDER_VARIABLE = "TERRAKUBE_WORKSPACE_DIR"
PARENT_VARIABLE = "TERRAKUBE_WORK_DIR"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


class Unusable(Exception):
    """The folder is not available; the text says why."""


class WorkFolder:
    """A workspace's folder, from `enter` to `leave` of one step. `path` is a real path."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    @property
    def source(self) -> Path:
        """Return the root of the source."""
        return self.path / "source"

    @property
    def home(self) -> Path:
        """Return the home folder for the commands of the step, if the container's own is not the same for all steps."""
        return self.path / "home"

    def enter(self, who: str, *, wait: Callable[[str, float], object]) -> None:
        """Lock the folder and empty it. `who` is shown to steps that wait for it.

        While another step holds it, `wait` is called with that step's text and the seconds to wait; it may raise.
        Raises Unusable.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            pause = _FIRST_PAUSE
            while (lock := take_lock(self.path)) is None:
                wait(_holder(self.path), pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
        except OSError as error:
            raise Unusable(f"{self.path} cannot be locked: {error.strerror}") from None
        self._lock = lock
        # All processes that the step starts hold the lock too.
        os.set_inheritable(lock, True)
        try:
            os.ftruncate(lock, 0)
            os.write(lock, who.encode())
            _make_empty(self.path)
        except OSError as error:
            self.leave()
            raise Unusable(f"{self.path} cannot be made: {error.strerror}") from None

    def leave(self, into: Path | None = None) -> None:
        """Release the folder to the next step; its contents move to `into`, since removing them takes time.

        A process that the step left running keeps the next step out as long as it lives.
        """
        if self._lock is None:
            return
        if into is not None:
            with contextlib.suppress(OSError):
                self.path.rename(into)
        os.close(self._lock)
        self._lock = None
        free_disk(self.path)


def work_folder_of(container: Mapping[str, str], workspace_id: str) -> WorkFolder:
    """Return the folder of a workspace's steps, as set in the container's environment."""
    given, parent = container.get(FOLDER_VARIABLE), container.get(PARENT_VARIABLE)
    if given:
        path = Path(given)
    elif parent:
        # A volume, which pods of other workspaces may share.
        path = Path(parent) / f"terrakube-{_safe(workspace_id)}"
    else:
        path = Path(tempfile.gettempdir()) / "terrakube"
    # The last part must not be a link: its target would be emptied.
    return WorkFolder(Path(os.path.realpath(path.parent)) / path.name)


def take_lock(path: Path) -> int | None:
    """Lock a workspace's folder; return the descriptor that holds the lock, None while another process holds it.

    Raises OSError if nothing can be locked.
    """
    file = _lock_file(path)
    while True:
        lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # `free_disk` removes the file: a lock on a removed file protects nothing.
            if _is_same(lock, file):
                return lock
        except BlockingIOError:
            os.close(lock)
            return None
        except OSError:
            os.close(lock)
            raise
        os.close(lock)


def free_disk(path: Path) -> None:
    """Remove the remains of an ended step from its workspace's folder, unless a process of a step is still there."""
    with contextlib.suppress(OSError):
        if not os.path.lexists(path) and not os.path.lexists(_lock_file(path)):
            return
        lock = take_lock(path)
        if lock is None:
            return
        try:
            remove_tree(path)
            os.unlink(_lock_file(path))
        finally:
            os.close(lock)


def remove_tree(path: Path) -> None:
    """Remove a folder and its contents, even if a script removed the write permission; what cannot be removed stays."""
    try:
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif os.path.lexists(path):
            shutil.rmtree(path)
    except OSError:
        _open_up(path)
        shutil.rmtree(path, ignore_errors=True)


def _open_up(path: Path) -> None:
    """Give this user all permissions on a folder and the folders in it."""
    folders = [os.fspath(path)]
    while folders:
        folder = folders.pop()
        with contextlib.suppress(OSError):
            os.chmod(folder, 0o700)
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            folders += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]


def _make_empty(path: Path) -> None:
    """Make the folder new and empty, closed to other users."""
    remove_tree(path)
    if os.path.lexists(path):
        # Files of another user, as a container engine leaves them: moved out of the way they block nothing.
        path.rename(path.with_name(f"{path.name}.left-{os.getpid()}"))
    path.mkdir(mode=0o700)


def _lock_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _holder(path: Path) -> str:
    try:
        return _lock_file(path).read_text(errors="replace")[:200]
    except OSError:
        return ""


def _is_same(descriptor: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(file, follow_symlinks=False))
    except FileNotFoundError:
        return False


def _safe(workspace_id: str) -> str:
    if workspace_id and set(workspace_id) <= _NAME_CHARACTERS and len(workspace_id) <= 64:
        return workspace_id
    return sha256(workspace_id.encode()).hexdigest()[:32]
