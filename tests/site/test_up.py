"""manage.py up: a database that it cannot use, the port that it holds, and the processes that it forks."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management.base import CommandError

from executors.management.commands.up import listen
from executors.supervision import title
from tests.spine.processes import tree
from tests.spine.waiting import await_that
from tests.support.migrated import copy_migrated
from tests.support.patience import patient


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (None, r"The database is not up to date \(\d+ migrations\); run manage.py migrate first."),
        ("postgresql://me:hunter2@127.0.0.1:1/none", r"The database cannot be reached: .*127\.0\.0\.1.*refused.*"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_in_one_line(tmp_path: Path, url: str | None, sentence: str) -> None:
    # With a cluster at hand the system checks would warn, rightly, that no address for its pods is set.
    left_out = {"TERRAKUBE_DATABASE_URL", "KUBECONFIG"}
    environment = {key: text for key, text in os.environ.items() if key not in left_out}
    environment |= {"TERRAKUBE_DATA_DIR": str(tmp_path)} | ({"TERRAKUBE_DATABASE_URL": url} if url else {})
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "up", "--port", "0"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert done.stdout == ""
    assert "hunter2" not in line
    assert re.fullmatch(f"CommandError: {sentence}", line), line


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"Cannot listen at 127.0.0.1:{port}: Address already in use"):
            listen("127.0.0.1", port)


def test_a_connection_waits_for_a_web_process_and_sends_small_answers_at_once() -> None:
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname(), timeout=5) as client:
        client.sendall(b"asked before anybody accepts")
        accepted, _address = listener.accept()
        with accepted:
            assert accepted.recv(64) == b"asked before anybody accepts"
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """``manage.py up`` on SQLite, without a cluster, and its address."""
    copy_migrated(tmp_path)
    left_out = {"TERRAKUBE_DATABASE_URL", "TerrakubeRedisHostname", "KUBECONFIG", "TERRAKUBE_DATABASE_POOL"}
    environment = {key: text for key, text in os.environ.items() if key not in left_out}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "up", "--port", str(port)]
    with (tmp_path / "up.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env=environment | {"TERRAKUBE_DATA_DIR": str(tmp_path), "HOME": str(tmp_path)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(patient(60))
        except subprocess.TimeoutExpired:
            for pid in tree(process.pid):
                os.kill(pid, signal.SIGKILL)


def named(pid: int, name: str) -> list[int]:
    """Return the processes below another that have a name."""
    found = []
    for each in tree(pid):
        # One that has ended meanwhile has no file.
        with suppress(OSError):
            if Path(f"/proc/{each}/comm").read_text().strip() == title(name):
                found.append(each)
    return found


def is_alive(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/actuator/health/liveness", timeout=patient(5)) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        return False


def open_sockets(pid: int) -> set[str]:
    files = Path(f"/proc/{pid}/fd").iterdir()
    return {target for file in files if (target := os.readlink(file)).startswith("socket:")}


def private_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    sizes = {line.split()[0]: int(line.split()[1]) for line in lines[1:]}
    return sizes["Private_Clean:"] + sizes["Private_Dirty:"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_processes_share_what_was_loaded_and_start_again_and_stop(up: tuple[subprocess.Popen[bytes], str]) -> None:
    process, address = up
    await_that(lambda: is_alive(address), "web answers", 60)
    await_that(lambda: len(named(process.pid, "worker")) > 1, "the task cluster has forked its workers", 60)
    (web,), (watcher,) = named(process.pid, "web"), named(process.pid, "watcher")
    worker = named(process.pid, "worker")[0]
    # Each has a session of its own, for Ctrl-C is for the parent.
    assert len({os.getsid(pid) for pid in (process.pid, web, worker, watcher)}) == 4
    (listener,) = open_sockets(process.pid)
    assert [listener in open_sockets(pid) for pid in (web, worker, watcher)] == [True, False, False]
    # A process that loaded all of it for itself has 60 MiB of its own; of the worker there are six.
    assert private_kib(worker) < 10 * 1024
    assert sum(map(private_kib, named(process.pid, "worker"))) < 64 * 1024
    assert private_kib(watcher) < 40 * 1024

    os.kill(web, signal.SIGKILL)
    # The connection waits in the meantime, and is not refused.
    await_that(lambda: named(process.pid, "web") not in ([], [web]), "web is started again", 60)
    await_that(lambda: is_alive(address), "web answers again", 60)
    children = tree(process.pid)[1:]
    process.terminate()
    assert process.wait(patient(60)) == 0
    await_that(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), "all of them have ended", 10)
