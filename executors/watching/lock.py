"""The lock of the active watcher: one process holds it, the others stand by for it."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from pathlib import Path
from typing import Protocol

from django.db import DatabaseError, InterfaceError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

logger = logging.getLogger(__name__)
# Any number unused in this database: "terrakub" in ASCII, as a signed 64-bit integer.
ADVISORY_KEY = int.from_bytes(b"terrakub")


# In sum below the time in which another watcher must take over (15 s); without effect on a local socket.
_IDLE_SECONDS, _INTERVAL_SECONDS, _COUNT, _UNANSWERED_MILLISECONDS = 3, 2, 3, 9000
_OF_SERVER = {
    "tcp_keepalives_idle": _IDLE_SECONDS,
    "tcp_keepalives_interval": _INTERVAL_SECONDS,
    "tcp_keepalives_count": _COUNT,
    "tcp_user_timeout": _UNANSWERED_MILLISECONDS,
}
_OF_CLIENT = {
    "keepalives_idle": _IDLE_SECONDS,
    "keepalives_interval": _INTERVAL_SECONDS,
    "keepalives_count": _COUNT,
    "tcp_user_timeout": _UNANSWERED_MILLISECONDS,
}


class WatcherLock(Protocol):
    """A lock that one watcher can hold; it is freed when the process ends."""

    def acquire(self) -> bool:
        """Try to take the lock without waiting; return True also if it is already held."""

    def release(self) -> None:
        """Release the lock."""


class DatabaseLock:
    """An advisory lock of PostgreSQL on a connection of its own, which is held as long as the lock."""

    def __init__(self) -> None:
        self._connection: BaseDatabaseWrapper | None = None

    def acquire(self) -> bool:
        """Raises DatabaseError while the database does not answer."""
        if self._connection is None:
            self._connection = self._connect()
            query = f"SELECT pg_try_advisory_lock({ADVISORY_KEY})"
        else:
            # A connection that answers still holds the lock.
            query = "SELECT true"
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(query)
                row = cursor.fetchone()
        except (DatabaseError, InterfaceError):
            self.release()
            raise
        if row is None or not row[0]:
            self.release()
            return False
        return True

    @staticmethod
    def _connect() -> BaseDatabaseWrapper:
        """Open a connection on which both ends notice a lost peer within seconds.

        The server then gives the lock to another watcher, and the former lock holder does not wait a quarter of an hour
        for an answer.
        """
        made = connections.create_connection("default")
        options = made.settings_dict["OPTIONS"]
        made.settings_dict = {**made.settings_dict, "OPTIONS": {**options, **_OF_CLIENT}}
        with contextlib.suppress(DatabaseError), made.cursor() as cursor:
            for name, value in _OF_SERVER.items():
                cursor.execute(f"SET {name} = {value}")
        return made

    def release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        with contextlib.suppress(DatabaseError, InterfaceError), connection.cursor() as cursor:
            # A pool would keep the connection, and the lock with it.
            cursor.execute("SELECT pg_advisory_unlock_all()")
        connection.close()


class FileLock:
    """A locked file beside the SQLite database."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self) -> bool:
        if self._file is not None:
            return True
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._file = file
        return True

    def release(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


def watcher_lock(folder: Path) -> WatcherLock:
    """Return the kind of lock that suits the database; ``folder`` is the installation's data folder."""
    if connections["default"].vendor == "postgresql":
        return DatabaseLock()
    return FileLock(folder / "watcher.lock")
