"""The tests' own PostgreSQL and Redis, as scripts/services started them, stopped and started again."""

import subprocess

from django.db import connection

from tests.spine.processes import PROJECT


def restart(name: str, *, down_seconds: float) -> None:
    """Stop a server, ``postgres`` or ``redis``, and start it again later; Redis comes back empty."""
    # The test's own connection dies with the others.
    connection.close()
    command = ["scripts/services", "restart", name, str(down_seconds)]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True)
