"""A site of real processes on this machine, for a browser: its own data folder and the example workspace."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from tests.support.migrated import copy_migrated
from tests.support.patience import patient

_START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class PanelSite:
    """Where the site is, and who may sign in."""

    url: str
    user: str
    password: str
    workspace: str
    environ: dict[str, str]
    pid: int
    """The web process."""

    def run(self, code: str) -> str:
        """Run Python in the site and return what it prints."""
        return _manage(self.environ, "shell", "--no-imports", "-c", code)

    def manage(self, *arguments: str, environ: dict[str, str] | None = None) -> str:
        """Run a command of the site and return what it prints."""
        return _manage(environ or self.environ, *arguments)


def _manage(environ: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]
    done = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)
    return done.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(url: str) -> None:
    for _ in range(int(patient(_START_SECONDS) * 5)):
        try:
            with urllib.request.urlopen(url, timeout=patient(5)):  # noqa: S310 - an address of this test's own
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.2)
    raise TimeoutError(f"{url} does not answer")


def _web(port: int) -> list[str]:
    web = [sys.executable, "-m", "uvicorn", "terrakube_site.asgi:application", "--port", str(port)]
    return [*web, "--no-access-log", "--no-proxy-headers", "--timeout-graceful-shutdown", "1"]


@contextmanager
def _running(environ: dict[str, str], *commands: list[str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    folder = Path(environ["TERRAKUBE_DATA_DIR"])
    with (folder / "processes.log").open("ab") as output:
        processes = [
            subprocess.Popen(
                command, env=environ, cwd=settings.BASE_DIR, stdout=output, stderr=output, start_new_session=True
            )
            for command in commands
        ]
        try:
            yield processes
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(patient(30))


@contextmanager
def serving(environ: dict[str, str], *, port: int | None = None) -> Iterator[str]:
    """Run another web process of a site until the context ends; its address, at a free port where none is given."""
    port = port or _free_port()
    url = f"http://127.0.0.1:{port}"
    with _running(environ, _web(port)):
        _await(f"{url}/admin/login/")
        yield url


@contextmanager
def panel_site(folder: Path, *, worker: bool = True, **more: str) -> Iterator[PanelSite]:
    """Run web, and a worker where one is wanted, with the example workspace until the context ends."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL") if name in os.environ}
    environ = {
        **keep,
        "TERRAKUBE_DATA_DIR": str(folder),
        "TerrakubeApiUrl": url,
        "ExecutorLocalApiUrl": url,
        "AzBuilderApiUrl": url,
        **more,
    }
    copy_migrated(folder)
    made: dict[str, Any] = json.loads(_manage(environ, "seed_example").splitlines()[-1])
    commands = [_web(port)]
    if worker:
        commands.append([sys.executable, str(settings.BASE_DIR / "manage.py"), "qcluster"])
    with _running(environ, *commands) as processes:
        _await(f"{url}/admin/login/")
        yield PanelSite(url, made["user"], made["password"], made["workspace"], environ, processes[0].pid)
