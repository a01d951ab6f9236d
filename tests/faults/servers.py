"""The tests' own PostgreSQL and Redis, as scripts/services started them, stopped and started again."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

from tests.spine.processes import PROJECT
from tests.spine.sources import answers
from tests.spine.waiting import await_that


@contextmanager
def without(name: str, *, seconds: float) -> Iterator[None]:
    """A server, ``postgres`` or ``redis``, is away for so many seconds, and back at the end; Redis comes back empty."""
    found = connection.settings_dict
    port = int(found["PORT"] if name == "postgres" else os.environ["TerrakubeRedisPort"])
    # The test's own connection dies with the others.
    connection.close()
    restart = subprocess.Popen(["scripts/services", "restart", name, str(seconds)], cwd=PROJECT)
    try:
        await_that(lambda: not answers("127.0.0.1", port), f"{name} is away", 20)
        yield
    finally:
        assert restart.wait() == 0, f"{name} was not started again"


def _process_of(name: str) -> int:
    """The process of a server, as scripts/services wrote it down."""
    mark = Path(os.environ.get("SERVICES_MARK") or PROJECT / ".services")
    folder = Path(mark.read_text().strip())
    return int((folder / f"{name}.pid").read_text().split()[0])


@contextmanager
def frozen(name: str) -> Iterator[None]:
    """A server takes connections, and says nothing."""
    pid = _process_of(name)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
