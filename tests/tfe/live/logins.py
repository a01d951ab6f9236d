"""A login in progress: terraform or tofu at a terminal, waiting for the user's browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.patience import patient
from tests.tfe.tls import TlsSite


@dataclass
class Login:
    """``url`` is what the terminal asks the user to open."""

    url: str
    home: Path
    hostname: str
    _process: subprocess.Popen[str]

    def ended(self) -> tuple[int, str]:
        """Wait until the command ends; return its exit code and what it printed after the address."""
        rest, _ = self._process.communicate(timeout=patient(30))
        return self._process.returncode, rest

    @property
    def token(self) -> str:
        """The token that the command has kept."""
        kept = json.loads((self.home / ".terraform.d" / "credentials.tfrc.json").read_text(encoding="utf-8"))
        return str(kept["credentials"][self.hostname]["token"])


@contextmanager
def login(site: TlsSite, tool: str, folder: Path) -> Iterator[Login]:
    """Run ``TOOL login HOST`` up to the address that it wants opened."""
    programs = folder / "bin"
    programs.mkdir()
    # Nothing else is on its PATH, so that it opens no browser of this machine.
    (programs / tool).symlink_to(shutil.which(tool) or "")
    home = site.home(folder)
    process = subprocess.Popen(
        [programs / tool, "login", site.hostname],
        cwd=folder,
        env=site.client_environ(home) | {"PATH": str(programs)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdin is not None
        process.stdin.write("yes\n")
        process.stdin.flush()
        yield Login(_address(process), home, site.hostname, process)
    finally:
        process.kill()
        process.communicate()


def _address(process: subprocess.Popen[str]) -> str:
    seen = []
    assert process.stdout is not None
    for line in process.stdout:
        seen.append(line)
        if found := re.search(r"https://\S+/authorize\?\S+", re.sub(r"\x1b\[[0-9;]*m", "", line)):
            return found[0]
    pytest.fail(f"no address was printed:\n{''.join(seen)}")
