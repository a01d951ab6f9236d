"""Measure a run at a terminal, and a web process that many terminals wait at; print the figures.

A site as ``manage.py up`` starts it serves the pods, and one more web process over https the terminals, which insist on
it. The figures hang on this machine's clock alone, which pods share.
"""

from __future__ import annotations

import argparse
import base64
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.fernet import Fernet

from bench import figures, site
from bench.figures import Figure
from bench.kube import own_namespace
from tests.tfe.authority import HOST, Authority

_START_SECONDS = 60.0


@contextmanager
def _web_over_https(folder: Path, port: int, certificate: tuple[Path, Path]) -> Iterator[int]:
    """Run one web process over https; yields its process ID."""
    command = [sys.executable, "-m", "uvicorn", "terrakube_site.asgi:application", "--host", HOST, "--port", str(port)]
    command += ["--ssl-certfile", str(certificate[0]), "--ssl-keyfile", str(certificate[1])]
    command += ["--no-access-log", "--log-level", "warning", "--timeout-keep-alive", "75"]
    with (folder / "https.log").open("wb") as output:
        web = subprocess.Popen(command, cwd=site.PROJECT, stdout=output, stderr=output, start_new_session=True)
    try:
        yield web.pid
    finally:
        web.terminate()
        web.wait(_START_SECONDS)


def _own_keys() -> dict[str, str]:
    """Return the keys that a site with an https address must be given."""
    return {
        "TERRAKUBE_SECRET_KEY": secrets.token_hex(32),
        "TERRAKUBE_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "InternalSecret": _base64_secret(),
        "PatSecret": _base64_secret(),
    }


def _base64_secret() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/run terminal", description=__doc__)
    parser.add_argument("--plans", type=int, default=7, help="plans at a terminal, and bare ones (7)")
    parser.add_argument("--terminals", type=int, default=200, help="terminals that wait (200)")
    parser.add_argument("--jobs", type=int, default=50, help="jobs that they wait for (50)")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long they wait (30)")
    parser.add_argument("--terraform", metavar="VERSION", default="1.11.4", help="version here and in the image")
    asked = parser.parse_args()
    host, image = os.environ.get("KUBE_HOST", ""), os.environ.get("TEST_EXECUTOR_IMAGE", "terrakube-executor:latest")
    image = os.environ.get("BENCH_EXECUTOR_IMAGE") or image
    if not host or not os.environ.get("KUBECONFIG"):
        print("bench: KUBECONFIG and KUBE_HOST are needed: the steps run in pods", file=sys.stderr)
        return 2
    found: list[Figure] = []
    with (
        tempfile.TemporaryDirectory(prefix="terrakube-bench.") as path,
        site.own_database() as database,
        own_namespace(1) as kube,
    ):
        folder = Path(path)
        port, https_port = site.free_port(host), site.free_port("127.0.0.1")
        given = site.settings(
            folder=folder, database=database, host=host, port=port, namespace=kube.namespace, image=image
        )
        os.environ.update(given, **_own_keys(), TerrakubeApiUrl=f"https://{HOST}:{https_port}")
        authority = Authority(folder)
        log = folder / "site.log"
        try:
            with (
                site.running(host, port, log),
                _web_over_https(folder, https_port, authority.issue(HOST)) as web,
            ):
                for figure in _measure(asked, folder, https_port, authority.bundle, web):
                    found.append(figure)
        except Exception:
            sys.stderr.write(log.read_text(errors="replace")[-4000:])
            raise
        finally:
            print(figures.table(found), flush=True)
            print(f"load after: {' '.join(f'{load:.1f}' for load in os.getloadavg())}")
    return 0


def _measure(asked: argparse.Namespace, folder: Path, port: int, bundle: Path, web: int) -> Iterator[Figure]:
    import django

    django.setup()
    # Only now the settings are known and the models can be imported.
    from bench.seed import make_records
    from bench.terminal import client, waiting

    records = make_records(waiting=asked.jobs, version=asked.terraform)
    _await_port(port)
    terminal = client.Terminal(folder, f"{HOST}:{port}", records, bundle)
    yield from client.plans(terminal, asked.plans)
    yield from client.log_lines(terminal)
    yield from waiting.waiting_terminals(port, bundle, records, web, asked.terminals, asked.seconds)


def _await_port(port: int) -> None:
    import socket

    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"the web process over https did not answer in {_START_SECONDS:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
