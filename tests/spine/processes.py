"""Real processes of a site: started in a session of their own, stopped or killed by their id."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.patience import patient

PROJECT = Path(__file__).resolve().parents[2]
STOP_SECONDS = 20
MANAGE = [sys.executable, str(PROJECT / "manage.py")]


class Process:
    """One process that a test starts, stops and kills; its output goes to a file, over all its lives."""

    def __init__(self, name: str, command: list[str], environ: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.environ = dict(environ)
        self.log = folder / f"{name}.log"
        self.command = command
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        assert self._child is not None, f"{self.name} was not started"
        return self._child.pid

    def start(self) -> None:
        assert not self.running, f"{self.name} runs already"
        with self.log.open("ab") as output:
            self._child = subprocess.Popen(
                self.command,
                cwd=PROJECT,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def stop(self) -> None:
        """Ask it to end, and see to it that it does."""
        assert self._child is not None, f"{self.name} was not started"
        # The main process alone: the task cluster hangs when its whole group gets a signal.
        self._child.terminate()
        try:
            self._child.wait(patient(STOP_SECONDS))
        finally:
            self.kill()

    def kill(self) -> None:
        """SIGKILL to the process and all that it started within its session."""
        assert self._child is not None, f"{self.name} was not started"
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()

    def end(self) -> None:
        """Kill it unless it was never started."""
        if self._child is not None:
            self.kill()

    def tail(self, lines: int = 40) -> str:
        """The last lines that it wrote."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def tree(pid: int) -> list[int]:
    """A process and all that it started, and these again."""
    found = [pid]
    for number in sorted(int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()):
        with contextlib.suppress(OSError):
            parent = int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1])
            if parent in found:
                found.append(number)
    return found
