"""The processes of the soak's site: two of each, started again when they were killed."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.site import PROJECT

STOP_SECONDS = 20.0
_MANAGE = [sys.executable, str(PROJECT / "manage.py")]


class Process:
    """One process in a session of its own; its output goes to a file, over all its lives."""

    def __init__(self, name: str, command: Sequence[str], log: Path, *, listener: socket.socket | None = None) -> None:
        self.name = name
        self.kills = 0
        self._command = list(command)
        self._log = log
        self._listener = listener
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = dict(os.environ)
        fds: tuple[int, ...] = ()
        if self._listener is not None:
            fds = (self._listener.fileno(),)
            environment["TERRAKUBE_DATABASE_POOL"] = "1"
        with self._log.open("ab") as output:
            self._child = subprocess.Popen(
                self._command,
                cwd=PROJECT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=fds,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL to the process and all that it started within its session; it stays away until ``start``."""
        if self._child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()

    def kill_and_start(self, *, away_seconds: float) -> None:
        self.kill()
        self.kills += 1
        time.sleep(away_seconds)
        self.start()

    def stop(self) -> None:
        if self._child is None:
            return
        self._child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(STOP_SECONDS)
        self.kill()


@contextmanager
def running(host: str, port: int, log: Path, *, each: int = 2) -> Iterator[dict[str, list[Process]]]:
    """Several of each process; the web processes share one socket, so that one answers while another is away."""
    subprocess.run([*_MANAGE, "migrate", "--verbosity", "0"], check=True)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(512)
        web = [sys.executable, "-m", "uvicorn", "terrakube_site.asgi:application", "--fd", str(listener.fileno())]
        web += ["--no-access-log", "--log-level", "warning", "--timeout-keep-alive", "75"]
        commands = {"web": web, "worker": [*_MANAGE, "qcluster"], "watcher": [*_MANAGE, "watch"]}
        found = {
            name: [
                Process(f"{name} {number}", command, log, listener=listener if name == "web" else None)
                for number in range(each)
            ]
            for name, command in commands.items()
        }
        try:
            for processes in found.values():
                for process in processes:
                    process.start()
            yield found
        finally:
            for processes in found.values():
                for process in processes:
                    process.stop()
