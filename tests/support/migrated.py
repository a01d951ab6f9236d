"""A migrated SQLite database, made once for each state of the migrations: a copy takes no time beside it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

ROOT = Path(__file__).resolve().parents[2]


def digest() -> str:
    """Return what tells one state of the migrations, and of what applies them, from another."""
    files = [ROOT / "requirements-dev.txt", *sorted(ROOT.glob("*/migrations/*.py"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def copy_migrated(data_dir: Path) -> None:
    """Give a site's empty data folder the database that ``manage.py migrate`` makes there."""
    shutil.copyfile(_migrated(), data_dir / "terrakube.sqlite3")


def begin_with_migrated() -> None:
    """Let the first SQLite database in memory that this process connects to, the test database, be a copy."""
    connection_created.connect(_fill, weak=False)


def _fill(connection: BaseDatabaseWrapper, **more: object) -> None:
    memory = connection.connection
    if connection.vendor != "sqlite" or not connection.is_in_memory_db():  # type: ignore[attr-defined]
        return
    connection_created.disconnect(_fill)
    assert memory.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    with closing(sqlite3.connect(f"file:{_migrated()}?immutable=1", uri=True)) as source:
        source.backup(memory)


def _migrated() -> Path:
    source = Path(tempfile.gettempdir()) / f"migrated-{os.getuid()}-{digest()}"
    with source.with_suffix(".lock").open("w") as lock:
        # The first process migrates while the others wait.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not source.exists():
            _migrate(source)
    return source


def _migrate(source: Path) -> None:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL") if name in os.environ}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"]
        subprocess.run(command, env={**kept, "TERRAKUBE_DATA_DIR": folder}, check=True)
        # A database that is copied while its last pages wait in the journal would lack them.
        wal = Path(folder, "terrakube.sqlite3-wal")
        assert not wal.exists() or wal.stat().st_size == 0
        unfinished = source.with_suffix(".unfinished")
        shutil.copyfile(Path(folder, "terrakube.sqlite3"), unfinished)
        unfinished.rename(source)
