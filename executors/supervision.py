"""Web, worker and watcher as children of one process: each is forked from it after it loaded what they share.

So what they load is in memory once, and a process that is started again is ready at once. Each has a session, signals
and database connections of its own.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from multiprocessing.context import ForkProcess
from pathlib import Path
from socket import socket
from typing import Any

from django.conf import settings
from django.core.management import execute_from_command_line
from django.db import DEFAULT_DB_ALIAS, connections

from executors import cluster
from executors.apps import prepare_worker
from terrakube_site import site_settings
from terrakube_site.database.connection import database
from terrakube_site.database.limits import limited

STOP_SECONDS = 20
_SIGNALS: dict[int, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
_FORK = multiprocessing.get_context("fork")
_BY_WEB = ("executors.tasks", "uvicorn.main")
_BY_OTHERS = ("executors.watching.watcher", "django_q.cluster")
"""Modules that the processes need beside those that every command loads."""


def title(name: str) -> str:
    """Return what the kernel calls a process (``ps -o comm``), in at most 15 characters."""
    return f"site-{name}"


def load_for_web() -> None:
    """Load what all processes share; the web process, which takes longest to be ready, is then forked first."""
    _load(_BY_WEB)


def load_for_others() -> None:
    """Load what worker and watcher share, too."""
    cluster.preload()
    _load(_BY_OTHERS)


def _load(modules: Sequence[str]) -> None:
    for module in modules:
        import_module(module)
    # Collecting it in a child would copy the memory that is shared.
    gc.collect()
    gc.freeze()


class Process:
    """One of the processes: forked, forked again when it ends by itself, stopped by SIGTERM."""

    def __init__(self, name: str, main: Callable[[], object]) -> None:
        self.name = name
        self._main = main
        self._started = 0.0
        self._child = self._start()

    def _start(self) -> ForkProcess:
        self._started = time.monotonic()
        _disconnect()
        child = _FORK.Process(target=_begin, args=(self.name, self._main), name=self.name)
        # A signal that comes now must not be handled as this process handles it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            child.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return child

    @property
    def pid(self) -> int:
        return self._child.pid or 0

    @property
    def running_seconds(self) -> float:
        return time.monotonic() - self._started

    def ended(self) -> int | None:
        """Return the status with which the process ended, None while it runs; a signal is negative."""
        return self._child.exitcode

    def restart(self) -> None:
        self.stop()
        self._child = self._start()

    def ask_to_stop(self) -> None:
        if self.ended() is None:
            self._child.terminate()

    def stop(self) -> None:
        self.ask_to_stop()
        self._child.join(STOP_SECONDS)
        # Also where it has ended: a task cluster goes on in its group when the main process alone is killed. Steps on
        # this machine have sessions of their own, and are not reached.
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        if self.ended() is None:
            # It may have no group yet.
            self._child.kill()
            self._child.join()


def _disconnect() -> None:
    """Close what this process has to the databases: a connection of two processes would carry the answers of both."""
    connections.close_all()
    # A pool keeps the connections that it is given back, and is one for all threads.
    for one in connections.all(initialized_only=True):
        pooled: Any = one
        if getattr(pooled, "pool", None):
            pooled.close_pool()


def _begin(name: str, main: Callable[[], object]) -> None:
    # A session of its own: Ctrl-C reaches the parent alone, which then stops each by its main process, as the task
    # cluster hangs when its whole group gets a signal.
    os.setsid()
    for number, handler in _SIGNALS.items():
        signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    os.chdir(settings.BASE_DIR)
    # Linux alone has names of processes here.
    with suppress(OSError):
        Path("/proc/self/comm").write_text(title(name))
    main()


def _pool_connections() -> None:
    """Do what ``asgi`` does where the settings are not read yet: this process serves each request by another thread."""
    os.environ.setdefault(site_settings.DATABASE_POOL.name, "1")
    pooled = limited(database(os.environ, settings.DATA_DIR), os.environ, serving=True)
    connections[DEFAULT_DB_ALIAS].settings_dict.update(pooled)


def web(listener: socket, options: Sequence[str]) -> Callable[[], object]:
    """Return the main function of a web process that serves a socket; ``options`` are uvicorn's."""

    def main() -> None:
        _pool_connections()
        server: Any = import_module("uvicorn.main")
        sys.argv = ["uvicorn", "terrakube_site.asgi:application", "--fd", str(listener.fileno()), *options]
        server.main(sys.argv[1:])

    return main


def command(name: str, listener: socket) -> Callable[[], object]:
    """Return the main function of a process that runs a command of ``manage.py``, and does not serve the socket."""

    def main() -> None:
        listener.close()
        sys.argv = [str(settings.BASE_DIR / "manage.py"), name]
        if name == "qcluster":
            prepare_worker()
        execute_from_command_line(sys.argv)

    return main
