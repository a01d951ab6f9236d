"""Processes of a site with an environment of its own, beside the one of this process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

MANAGE = Path(__file__).resolve().parents[1] / "manage.py"


def manage(environ: Mapping[str, str], *arguments: str) -> None:
    """Run a command of manage.py. Raises CalledProcessError if it fails; its words are on the terminal."""
    subprocess.run([sys.executable, str(MANAGE), *arguments], env=environ, check=True, stdout=subprocess.DEVNULL)


def still_running(process: subprocess.Popen[bytes]) -> Callable[[], None]:
    """Return what raises RuntimeError once the process has ended."""

    def check() -> None:
        if process.poll() is not None:
            raise RuntimeError(f"the site ended with status {process.returncode}; see its log")

    return check
