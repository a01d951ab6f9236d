"""A person's terminal: a folder with a configuration, and terraform or tofu signed in at a site."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.spine.waiting import await_that
from tests.support.patience import patient
from tests.tfe.tls import TlsSite
from workspaces.choices import IacType

_COMMAND_SECONDS = 60
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")

NAMED = """\
terraform {{
  {block} {{
    hostname     = "{hostname}"
    organization = "{organization}"
    workspaces {{
      {workspaces}
    }}
  }}
}}
"""
CLOUD, REMOTE = "cloud", 'backend "remote"'


class Dialogue:
    """A command that goes on while a test reads what it says and answers; its output goes to a file."""

    def __init__(self, command: Sequence[str], folder: Path, environ: dict[str, str]) -> None:
        self._log = folder / "dialogue.log"
        self._seen = 0
        with self._log.open("wb") as output:
            self._child = subprocess.Popen(
                command, cwd=folder, env=environ, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT
            )

    @property
    def output(self) -> str:
        """All that it has said."""
        return _plain(self._log.read_text(encoding="utf-8", errors="replace"))

    @property
    def is_over(self) -> bool:
        return self._child.poll() is not None

    def expect(self, text: str, seconds: float = 30) -> None:
        """Wait until it says something, after what was expected before."""

        def said() -> bool:
            ended = self.is_over
            found = self.output.find(text, self._seen)
            assert found >= 0 or not ended, f"it ended without {text!r}:\n{self.output}"
            self._seen = max(self._seen, found + len(text)) if found >= 0 else self._seen
            return found >= 0

        await_that(said, f"it says {text!r}", seconds)

    def answer(self, line: str) -> None:
        """Type a line."""
        assert self._child.stdin is not None
        self._child.stdin.write(f"{line}\n".encode())
        self._child.stdin.flush()

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._child.send_signal(signal.SIGINT)

    def ended(self) -> int:
        """Wait for its end; return its exit code."""
        return self._child.wait(patient(_COMMAND_SECONDS))

    def close(self) -> None:
        """End it, unless it has ended."""
        if not self.is_over:
            self._child.kill()
            self._child.wait()
        if self._child.stdin is not None:
            self._child.stdin.close()


def _plain(text: str) -> str:
    """A text without colours, which -no-color does not take from the log of a run."""
    return _COLOURS.sub("", text)


@dataclass(frozen=True)
class Terminal:
    """Where a person types commands."""

    site: TlsSite
    program: IacType
    folder: Path
    home: Path

    def write(self, name: str, text: str) -> None:
        """Write a file of the configuration."""
        (self.folder / name).write_text(text, encoding="utf-8")

    def connect(self, organization: str, workspaces: str, block: str = CLOUD) -> None:
        """Write which organization and workspaces of the site the configuration belongs to."""
        text = NAMED.format(block=block, hostname=self.site.hostname, organization=organization, workspaces=workspaces)
        self.write("terraform.tf", text)

    def run(self, *arguments: str, text: str = "", code: int = 0) -> str:
        """Run a command to its end, which must be with this exit code; return what it said."""
        done = self.site.run([self.program.value, *arguments], home=self.home, folder=self.folder, text=text)
        said = _plain(done.stdout + done.stderr)
        assert done.returncode == code, f"{' '.join(arguments)}: {done.returncode}\n{said}"
        return said

    def read(self, *arguments: str) -> str:
        """Run a command; return what it wrote to standard output alone."""
        done = self.site.run([self.program.value, *arguments], home=self.home, folder=self.folder)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, *arguments: str) -> Dialogue:
        """Start a command that the test talks to."""
        environ = self.site.client_environ(self.home)
        return Dialogue([self.program.value, *arguments], self.folder, environ)
