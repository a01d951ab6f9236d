"""Measure a run at a terminal, and a web process that many terminals wait at; print the figures.

1: ``terraform plan``. 2: the lateness of log lines. 3: terminals that wait; it alone needs no cluster.

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
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet

from bench import figures, site
from bench.figures import Figure
from bench.kube import own_namespace
from tests.tfe.authority import HOST, Authority

if TYPE_CHECKING:
    from bench.seed import Records

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
    parser.add_argument("--only", metavar="1,2", default="1,2,3", help="the measures to take")
    asked = parser.parse_args()
    asked.only = set(asked.only.split(","))
    in_pods = bool(asked.only & {"1", "2"})
    host, image = os.environ.get("KUBE_HOST", ""), os.environ.get("TEST_EXECUTOR_IMAGE", "terrakube-executor:latest")
    image = os.environ.get("BENCH_EXECUTOR_IMAGE") or image
    if in_pods and not (host and os.environ.get("KUBECONFIG")):
        print("bench: KUBECONFIG and KUBE_HOST are needed: the steps run in pods", file=sys.stderr)
        return 2
    found: list[Figure] = []
    with (
        tempfile.TemporaryDirectory(prefix="terrakube-bench.") as path,
        site.own_database() as database,
        own_namespace(1) if in_pods else nullcontext() as kube,
    ):
        folder = Path(path)
        port, https_port = site.free_port(host or HOST), site.free_port("127.0.0.1")
        namespace = kube.namespace if kube is not None else ""
        given = site.settings(
            folder=folder, database=database, host=host or HOST, port=port, namespace=namespace, image=image
        )
        os.environ.update(given, **_own_keys(), TerrakubeApiUrl=f"https://{HOST}:{https_port}")
        authority = Authority(folder)
        certificate = authority.issue(HOST)
        log = folder / "site.log"
        try:
            records = _records(asked)
            if in_pods:
                with site.running(host, port, log), _web_over_https(folder, https_port, certificate):
                    found.extend(_in_pods(asked, folder, https_port, authority.bundle, records))
            if "3" in asked.only:
                with _web_over_https(folder, https_port, certificate) as pid:
                    found.extend(_waiting(asked, pid, https_port, authority.bundle, records))
        except Exception:
            for text in (log, folder / "https.log"):
                sys.stderr.write(text.read_text(errors="replace")[-4000:] if text.exists() else "")
            raise
        finally:
            print(figures.table(found), flush=True)
            print(f"load after: {' '.join(f'{load:.1f}' for load in os.getloadavg())}")
    return 0


def _records(asked: argparse.Namespace) -> Records:
    site.migrate()
    import django

    django.setup()
    # Only now the settings are known and the models can be imported.
    from bench.seed import make_records

    return make_records(waiting=asked.jobs, version=asked.terraform)


def _in_pods(asked: argparse.Namespace, folder: Path, port: int, bundle: Path, records: Records) -> Iterator[Figure]:
    from bench.terminal import client

    _await_port(port)
    terminal = client.Terminal(folder, f"{HOST}:{port}", records, bundle)
    if "1" in asked.only:
        yield from client.plans(terminal, asked.plans)
    if "2" in asked.only:
        yield from client.log_lines(terminal)


def _waiting(asked: argparse.Namespace, pid: int, port: int, bundle: Path, records: Records) -> Iterator[Figure]:
    from bench.terminal import waiting

    _await_port(port)
    web = waiting.Web(pid=pid, port=port, bundle=bundle)
    yield from waiting.waiting_terminals(web, records, asked.terminals, asked.seconds)


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
