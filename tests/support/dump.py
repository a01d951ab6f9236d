"""A dump of the tests' PostgreSQL database, and its restore in place, as an operator does both."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from django.db import connection, connections


def _program(name: str) -> str:
    """A client of PostgreSQL; Debian keeps the newest beside its server."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    program = str(found[-1]) if found else shutil.which(name)
    assert program, f"{name} is needed"
    return program


def _run(name: str, *arguments: str) -> None:
    found = connection.settings_dict
    server = {"PGHOST": found["HOST"], "PGPORT": str(found["PORT"]), "PGUSER": found["USER"]}
    environment = {**os.environ, **server, "PGPASSWORD": found["PASSWORD"], "PGDATABASE": found["NAME"]}
    answer = subprocess.run([_program(name), *arguments], env=environment, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr


def dump(path: Path) -> None:
    """Write the whole database to a file."""
    _run("pg_dump", "--format=custom", f"--file={path}")


def restore(path: Path) -> None:
    """Put the whole database back to a dump, while nobody is at work in it."""
    connections.close_all()
    _run(
        "pg_restore",
        "--clean",
        "--if-exists",
        "--single-transaction",
        "--dbname",
        connection.settings_dict["NAME"],
        str(path),
    )
