"""A live site over https on the loopback, as terraform and tofu insist on: its CA, its processes, its database.

The tests' own records are the site's: ``factories`` and models in the test process read and write the same database. On
SQLite that is a file in the site's folder, which starts as a copy of what the test process has in memory.

    def test_something(tls_site: TlsSite, tmp_path: Path) -> None:
        home = tls_site.home(tmp_path, token=...)
        done = tls_site.run(["terraform", "init"], home=home, folder=tmp_path)
"""

from __future__ import annotations

import json
import os
import sqlite3
import ssl
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.spine.site import NO_NAMESPACE, Site
from tests.support.patience import patient
from tests.tfe.authority import HOST, Authority

_COMMAND_SECONDS = 60
# Variables with which the machine's own user steers terraform and tofu; a test's command sees none of them.
_STEERS = ("TF_", "TOFU_", "TERRAFORM_")


class TlsSite(Site):
    """A site at https://localhost:PORT; steps run as processes of this machine where a worker runs."""

    def __init__(
        self, folder: Path, environ: Mapping[str, str], *, host: str = HOST, namespace: str = NO_NAMESPACE
    ) -> None:
        authority = Authority(folder)
        self.bundle = authority.bundle
        # The executor's program calls the same address, so it must trust the CA too.
        more = {"SSL_CERT_FILE": str(self.bundle), "KUBECONFIG": "", **environ}
        super().__init__(folder, host, more, namespace=namespace, tls=authority.issue(host))

    @property
    def hostname(self) -> str:
        """The host as configurations and ``login`` name it."""
        return f"{self.host}:{self.port}"

    def context(self) -> ssl.SSLContext:
        """Return what a client of the test's own needs to trust the site."""
        return ssl.create_default_context(cafile=str(self.bundle))

    def home(self, folder: Path, *, token: str = "") -> Path:
        """Return a home folder for terraform and tofu, signed in with a token if one is given."""
        home = folder / "home"
        settings = home / ".terraform.d"
        settings.mkdir(parents=True, exist_ok=True)
        if token:
            kept = {"credentials": {self.hostname: {"token": token}}}
            (settings / "credentials.tfrc.json").write_text(json.dumps(kept), encoding="utf-8")
        return home

    def client_environ(self, home: Path) -> dict[str, str]:
        """Return the environment of a user's terminal with this home folder, which trusts the site's CA."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_STEERS)}
        return {**kept, "HOME": str(home), "SSL_CERT_FILE": str(self.bundle), "CHECKPOINT_DISABLE": "1"}

    def run(
        self, command: Sequence[str], *, home: Path, folder: Path, text: str = "", **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command at a user's terminal until it ends; ``text`` is what the user types. It may fail."""
        return subprocess.run(
            command,
            cwd=folder,
            env=self.client_environ(home) | environ,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=patient(_COMMAND_SECONDS),
        )


@contextmanager
def tls_site(folder: Path, *, worker: bool = False, **environ: str) -> Iterator[TlsSite]:
    """Run a site over https until the context ends, ``worker`` with worker and watcher; keywords are its environment.

    What the test writes must be committed: the fixture ``db`` of tests/tfe/live, or ``transactional_db``.
    """
    with shared_database(folder / "terrakube.sqlite3"), TlsSite(folder, environ).at_hand() as site:
        if worker:
            site.start()
        else:
            site.start_web()
        yield site


@contextmanager
def shared_database(path: Path) -> Iterator[None]:
    """Let this process and others use one database: on SQLite a file, with the records that are there now."""
    if connection.vendor != "sqlite":
        yield
        return
    memory = connections["default"]
    memory.ensure_connection()
    with sqlite3.connect(path) as copy:
        memory.connection.backup(copy)
    copy.close()
    settings = memory.settings_dict
    name = settings["NAME"]
    # Threads of this process, and whatever else makes a connection, are given the file too.
    settings["NAME"] = str(path)
    connections["default"] = _new_connection()
    try:
        yield
    finally:
        connections["default"].close()
        settings["NAME"] = name
        connections["default"] = memory


def _new_connection() -> BaseDatabaseWrapper:
    made = connections.create_connection("default")
    # Tests hold a connection over threads as pytest-django's live server does.
    made.inc_thread_sharing()
    return made
