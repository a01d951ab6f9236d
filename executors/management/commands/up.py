"""Run web, worker and watcher together on one machine, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from executors.health import heartbeats
from terrakube_site.commands import PagelessCommand

_STOP_SECONDS = 20
_PAUSE_SECONDS = 0.5


class Process:
    """One of the processes: started, started again when it ends by itself, stopped by SIGTERM."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        self._command = command
        self._started = 0.0
        self._child = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        self._started = time.monotonic()
        # A session of its own: Ctrl-C reaches this program alone, which then stops each by its main process, as the
        # task cluster hangs when its whole group gets a signal.
        return subprocess.Popen(self._command, cwd=settings.BASE_DIR, start_new_session=True)

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def running_seconds(self) -> float:
        return time.monotonic() - self._started

    def ended(self) -> int | None:
        return self._child.poll()

    def restart(self) -> None:
        self.stop()
        self._child = self._start()

    def ask_to_stop(self) -> None:
        if self._child.poll() is None:
            self._child.terminate()

    def stop(self) -> None:
        self.ask_to_stop()
        try:
            self._child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()


class Command(PagelessCommand):
    help = "Run web, worker and watcher together on this machine, until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: 127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen at (default: 8000)")

    def handle(self, *args: Any, **options: Any) -> None:
        _check_database()
        self._stopping = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
        web = [sys.executable, "-m", "uvicorn", "terrakube_site.asgi:application", "--host", options["host"]]
        web += ["--port", str(options["port"]), "--no-access-log", "--no-proxy-headers", "--log-level", "warning"]
        # Above the pause between two heartbeats, so that an executor keeps its connection.
        web += ["--timeout-keep-alive", "75", "--timeout-graceful-shutdown", "5"]
        processes = [
            Process("web", web),
            Process("worker", [*manage, "qcluster"]),
            Process("watcher", [*manage, "watch"]),
        ]
        self.stdout.write(f"Terrakube Site runs at http://{options['host']}:{options['port']}/ (stop with Ctrl-C)")
        try:
            while not self._stopping:
                time.sleep(_PAUSE_SECONDS)
                for process in processes:
                    self._look_after(process)
        finally:
            for process in processes:
                process.ask_to_stop()
            for process in processes:
                process.stop()
        self.stdout.write("Stopped.")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _look_after(self, process: Process) -> None:
        code = process.ended()
        if code is not None and not self._stopping:
            self.stderr.write(f"{process.name} ended with status {code}; it is started again")
            time.sleep(max(0.0, 2 - process.running_seconds))
            process.restart()
        elif process.name == "worker" and process.running_seconds > heartbeats.STALE_SECONDS and self._frozen():
            self.stderr.write("worker takes no tasks any more; it is started again")
            process.restart()

    def _frozen(self) -> bool:
        now = time.monotonic()
        if now - getattr(self, "_asked", 0.0) < heartbeats.EVERY_SECONDS:
            return False
        self._asked = now
        # Its beat is queued by the watcher, so a worker is frozen only while the watcher is not.
        return heartbeats.is_stale(heartbeats.WORKER) and not heartbeats.is_stale(heartbeats.WATCHER)


def _check_database() -> None:
    """Raise CommandError if the database cannot be used: the processes would fail one after the other."""
    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except OperationalError as error:
        why = str(error).strip().splitlines()[0].rstrip(".")
        raise CommandError(f"The database cannot be reached: {why}. TERRAKUBE_DATABASE_URL names it.") from None
    finally:
        # The processes have connections of their own.
        connection.close()
    if waiting:
        raise CommandError(f"The database is not up to date ({len(waiting)} migrations); run manage.py migrate first.")
