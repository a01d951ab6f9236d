"""A site of the bench's own: its database, its processes as `manage.py up` starts them, its records."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

PROJECT = Path(__file__).resolve().parent.parent
_START_SECONDS = 60.0
_STOP_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running site: where it answers, and the process of `manage.py up`."""

    address: str
    up_pid: int


@contextmanager
def own_database() -> Iterator[str]:
    """Return the address of a new database on the server of TEST_DATABASE_URL; empty (SQLite) where there is none."""
    server = os.environ.get("TEST_DATABASE_URL", "")
    if not server:
        yield ""
        return
    name = f"bench_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def settings(*, folder: Path, database: str, host: str, port: int, namespace: str, image: str) -> dict[str, str]:
    """Return what the processes of the site get in their environment, beside what is there."""
    address = f"http://{host}:{port}"
    found = {
        "DJANGO_SETTINGS_MODULE": "terrakube_site.settings",
        "TERRAKUBE_DATA_DIR": str(folder),
        "TERRAKUBE_ALLOWED_HOSTS": f"localhost,127.0.0.1,{host}",
        "TERRAKUBE_QUEUE": f"bench-{secrets.token_hex(4)}",
        "TerrakubeApiUrl": address,
        "AzBuilderApiUrl": address,
        "ExecutorLocalApiUrl": address,
        "ExecutorEphemeralNamespace": namespace,
        "ExecutorEphemeralImage": image,
        "ExecutorEphemeralImagePullPolicy": "Never",
        "ExecutorEphemeralSecret": "",
    }
    if database:
        found["TERRAKUBE_DATABASE_URL"] = database
    if os.environ.get("TEST_REDIS_HOSTNAME"):
        found["TerrakubeRedisHostname"] = os.environ["TEST_REDIS_HOSTNAME"]
        found["TerrakubeRedisPort"] = os.environ.get("TEST_REDIS_PORT", "6379")
        found["TerrakubeRedisPassword"] = os.environ.get("TEST_REDIS_PASSWORD", "")
    return found


def migrate() -> None:
    """Bring the database of this process's environment up to date."""
    subprocess.run([sys.executable, str(PROJECT / "manage.py"), "migrate", "--verbosity", "0"], check=True)


@contextmanager
def running(host: str, port: int, log: Path) -> Iterator[Site]:
    """The site's processes, started with this process's environment and stopped in order."""
    migrate()
    manage = [sys.executable, str(PROJECT / "manage.py")]
    with log.open("wb") as output:
        up = subprocess.Popen(
            [*manage, "up", "--host", host, "--port", str(port)],
            stdout=output,
            stderr=output,
            # Ctrl-C reaches this program alone, which then stops the site in order.
            start_new_session=True,
        )
    try:
        site = Site(address=f"http://{host}:{port}", up_pid=up.pid)
        _await_answer(site, up)
        yield site
    finally:
        up.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            up.wait(_STOP_SECONDS)


def _await_answer(site: Site, up: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if up.poll() is not None:
            raise RuntimeError("the site ended while it was starting")
        try:
            with urllib.request.urlopen(f"{site.address}/actuator/health", timeout=5):  # noqa: S310 - our own server
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the site did not answer in {_START_SECONDS:.0f} s")
