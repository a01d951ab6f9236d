"""Run web, worker and watcher together on one machine, until Ctrl-C."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import Error, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from executors.health import heartbeats
from executors.supervision import Process, command, load_for_others, load_for_web, web
from terrakube_site.commands import PagelessCommand

_BACKLOG = 2048
PAUSE_SECONDS = 0.5


class Processes:
    """The web process, the worker and the watcher; they start at once. ``tell`` gets a sentence at each restart.

    Raises CommandError if the address cannot be had. Where one cannot be started, none is left.
    """

    def __init__(self, host: str, port: int, tell: Callable[[str], object]) -> None:
        self._tell = tell
        self._asked_at = 0.0
        self._listener = listen(host, port)
        options = ["--no-access-log", "--no-proxy-headers", "--log-level", "warning"]
        # Above the pause between two heartbeats, so that an executor keeps its connection.
        options += ["--timeout-keep-alive", "75", "--timeout-graceful-shutdown", "5"]
        self._processes: list[Process] = []
        try:
            load_for_web()
            self._processes.append(Process("web", web(self._listener, options)))
            load_for_others()
            self._processes.append(Process("worker", command("qcluster", self._listener)))
            self._processes.append(Process("watcher", command("watch", self._listener)))
        except BaseException:
            # At its end this process would wait for those that it has started.
            self.stop()
            raise

    def look_after(self) -> None:
        """Restart each process that has ended, and a worker that takes no tasks any more."""
        for process in self._processes:
            code = process.ended()
            if code is not None:
                self._tell(f"{process.name} ended with status {code}; it is started again")
                time.sleep(max(0.0, 2 - process.running_seconds))
                process.restart()
            elif process.name == "worker" and process.running_seconds > heartbeats.STALE_SECONDS and self._frozen():
                self._tell("worker takes no tasks any more; it is started again")
                process.restart()

    def stop(self) -> None:
        for process in self._processes:
            process.ask_to_stop()
        for process in self._processes:
            process.stop()
        self._listener.close()

    def _frozen(self) -> bool:
        now = time.monotonic()
        if now - self._asked_at < heartbeats.EVERY_SECONDS:
            return False
        self._asked_at = now
        try:
            # Its beat is queued by the watcher, so a worker is frozen only while the watcher is not.
            return heartbeats.is_stale(heartbeats.WORKER) and not heartbeats.is_stale(heartbeats.WATCHER)
        except Error:
            # The database is away for a moment. The next look needs another connection.
            connection.close()
            return False


class Command(PagelessCommand):
    help = "Run web, worker and watcher together on this machine, until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: 127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen at (default: 8000)")

    def handle(self, *args: Any, **options: Any) -> None:
        if waiting := waiting_migrations():
            raise CommandError(f"The database is not up to date ({waiting} migrations); run manage.py migrate first.")
        self._stopping = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        processes = Processes(options["host"], options["port"], self.stderr.write)
        self.stdout.write(f"Terrakube Site runs at http://{options['host']}:{options['port']}/ (stop with Ctrl-C)")
        try:
            while not self._stopping:
                time.sleep(PAUSE_SECONDS)
                # A signal may have come in the pause.
                if not self._stopping:
                    processes.look_after()
        finally:
            processes.stop()
        self.stdout.write("Stopped.")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True


def listen(host: str, port: int) -> socket.socket:
    """Return the socket that the web process will serve; raise CommandError if the address cannot be had.

    It is held here, so that connections wait while the web process is started again: a terminal that follows a run ends
    when one is refused.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise CommandError(f"Cannot listen at {host}:{port}: {error.strerror or error}.") from None
    # Each connection inherits it; uvicorn does not know that what it is given is TCP.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def waiting_migrations() -> int:
    """Return how many migrations the database lacks. Raises CommandError if it cannot be reached."""
    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except OperationalError as error:
        why = str(error).strip().splitlines()[0].rstrip(".")
        raise CommandError(f"The database cannot be reached: {why}. TERRAKUBE_DATABASE_URL names it.") from None
    finally:
        # The processes have connections of their own.
        connection.close()
    return len(waiting)
