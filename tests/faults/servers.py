"""The tests' own PostgreSQL and Redis, as scripts/services started them, stopped and started again."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

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
