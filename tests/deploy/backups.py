"""The commands of docs/kubernetes.md for backup and restore, run as they stand there."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.deploy.documented import ROOT
from tests.support.patience import patient

GUIDE = ROOT / "docs" / "kubernetes.md"


def documented(command: str) -> str:
    """The one command line of the guide that begins with these words."""
    text = GUIDE.read_text(encoding="utf-8").replace("\\\n", " ")
    (found,) = (line.strip() for line in text.splitlines() if line.strip().startswith(f"{command} "))
    return found


def dump(address: str, folder: Path) -> None:
    """Write ``terrakube.dump`` into a folder, from the database at an address."""
    _run(shlex.split(documented("pg_dump")), address, folder)


def restore(address: str, folder: Path) -> None:
    """Read ``terrakube.dump`` from a folder into the empty database at an address."""
    _run(shlex.split(documented("pg_restore")), address, folder)


def _run(command: list[str], address: str, folder: Path) -> None:
    parts = urlsplit(address)
    database = unquote(parts.path.strip("/"))
    # The guide's database has the name that its chart's example has; a test's has one of its own.
    command = [word.replace("--dbname=terrakube", f"--dbname={database}") for word in command]
    environ = {
        "PATH": os.environ["PATH"],
        "PGHOST": parts.hostname or "",
        "PGPORT": str(parts.port or ""),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": database,
    }
    answer = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=patient(60))
    assert answer.returncode == 0, answer.stderr
