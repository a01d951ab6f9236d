"""The watcher as a process: one is active, it ends when told, and it outlives what it depends on."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.conf import settings
from django.db import connection

from executors.cluster import ClusterError, Expired
from executors.health import heartbeats
from executors.watching.cluster_watch import GATHER_SECONDS, INSPECTION_SECONDS, LONGEST_REST_SECONDS, REST
from executors.watching.lock import DatabaseLock, FileLock
from executors.watching.observer import Observer, Reflector
from executors.watching.watcher import Watcher
from tests.support.migrated import copy_migrated
from tests.support.patience import patient

_HOLD = """
import fcntl, os, sys
fcntl.flock(os.open({path!r}, os.O_RDWR), fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_file_lock_has_one_holder_and_goes_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "data" / "watcher.lock"
    code = _HOLD.format(path=str(path))
    path.parent.mkdir()
    path.touch()
    mine = FileLock(path)
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert not mine.acquire()
        other.kill()
    assert mine.acquire()
    assert mine.acquire(), "who has it still has it"
    mine.release()
    assert FileLock(path).acquire()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_an_advisory_lock_has_one_holder_and_goes_with_its_connection() -> None:
    first, second = DatabaseLock(), DatabaseLock()
    try:
        assert first.acquire()
        assert not second.acquire()
        assert first.acquire()
        first.release()
        assert second.acquire()
    finally:
        first.release()
        second.release()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_holder_whose_connection_was_cut_learns_that_it_has_the_lock_no_more() -> None:
    first, second = DatabaseLock(), DatabaseLock()
    try:
        assert first.acquire()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON database = pg_database.oid"
                " WHERE locktype = 'advisory' AND datname = current_database()"
            )
        with pytest.raises(Exception, match=r"terminat|closed|lost"):
            first.acquire()
        assert second.acquire()
        assert not first.acquire()
    finally:
        first.release()
        second.release()


@pytest.mark.django_db
def test_a_turn_shows_that_the_watcher_lives_and_asks_the_worker_to(
    conf: Any, tmp_path: Path, queued: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    watcher = Watcher(conf, tmp_path)
    with django_capture_on_commit_callbacks(execute=True):
        watcher.turn()
    assert not heartbeats.is_stale(heartbeats.WATCHER)
    assert queued == [("executors.tasks.beat",)]


def test_changes_that_follow_each_other_are_looked_at_together(
    conf: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, slept = 1000.0, list[float]()

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        slept.append(seconds)

    monkeypatch.setattr("executors.watching.cluster_watch.time", SimpleNamespace(monotonic=lambda: now, sleep=sleep))
    watcher, changed = Watcher(conf, tmp_path), queue.Queue[str]()
    watcher._observer = cast(Observer, SimpleNamespace(changed=changed, snapshot=lambda: None))

    def inspect(*changes: str, until: float) -> None:
        for one in changes:
            changed.put(one)
        watcher._inspect_changed(until=until)
        assert changed.empty()

    inspect("a", "b", until=now + 1)
    assert slept == [GATHER_SECONDS], "the first change is looked at at once"
    inspect("a", "c", "b", until=now + 1)
    assert slept[1:] == [pytest.approx(INSPECTION_SECONDS)], "the next are gathered for longer"
    inspect("a", until=now + 0.1)
    assert slept[2:] == [pytest.approx(0.1)], "and what is due is not late for it"
    now += INSPECTION_SECONDS
    inspect("a", until=now + 1)
    assert slept[3:] == [GATHER_SECONDS]


def test_the_watcher_rests_after_long_looks_and_then_looks_at_what_changed_meanwhile(
    conf: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr("executors.watching.cluster_watch.time", SimpleNamespace(monotonic=lambda: now, sleep=sleep))
    watcher, changed, looked = Watcher(conf, tmp_path), queue.Queue[str](), list[set[str]]()
    watcher._observer = cast(Observer, SimpleNamespace(changed=changed))

    def look(_: Observer, named: set[str]) -> None:
        sleep(0.2)
        looked.append(named)

    monkeypatch.setattr(watcher, "_look_at_news", look)
    changed.put("a")
    watcher._inspect_changed(until=now + 1)
    assert looked == [{"a"}]
    end = now
    changed.put("b")
    watcher._inspect_changed(until=now + 1)
    assert now == pytest.approx(end + 1), "what else is due is not late for it"
    assert looked == [{"a"}], "the launches have the processor"
    assert watcher._soonest() == pytest.approx(end + 0.2 * REST)
    changed.put("c")
    watcher._inspect_changed(until=watcher._soonest())
    assert looked == [{"a"}, {"b", "c"}]
    watcher._next_inspection = watcher._rests_until = now
    monkeypatch.setattr(watcher, "_look_at_news", lambda *_: sleep(60))
    changed.put("a")
    watcher._inspect_changed(until=now + 1)
    assert watcher._rests_until == pytest.approx(now + LONGEST_REST_SECONDS)


# ---- the process ----------------------------------------------------------------------------------------------------


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    copy_migrated(tmp_path)
    return tmp_path


_MANAGE = (sys.executable, str(settings.BASE_DIR / "manage.py"))


def _environment(data_dir: Path) -> dict[str, str]:
    dropped = ("TERRAKUBE", "Terrakube", "Executor", "AzBuilder")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(dropped)}
    return kept | {"TERRAKUBE_DATA_DIR": str(data_dir)}


@pytest.fixture
def watchers(data_dir: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Two watchers of one installation."""
    started = [
        subprocess.Popen([*_MANAGE, "watch"], env=_environment(data_dir), stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    yield started
    for one in started:
        one.kill()
        one.communicate()


def _lines(one: subprocess.Popen[str]) -> queue.Queue[str]:
    found: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for line in one.stderr or ():
            found.put(line)

    threading.Thread(target=read, daemon=True).start()
    return found


def _await(lines: queue.Queue[str], words: str, seconds: float) -> None:
    deadline = time.monotonic() + patient(seconds)
    while True:
        if words in lines.get(timeout=max(0.01, deadline - time.monotonic())):
            return


@pytest.mark.slow
def test_one_watcher_is_active_and_another_takes_over(
    watchers: list[subprocess.Popen[str]],
) -> None:
    heard = {one: _lines(one) for one in watchers}
    active: subprocess.Popen[str] | None = None
    deadline = time.monotonic() + patient(60)
    said: dict[subprocess.Popen[str], str] = dict.fromkeys(watchers, "")
    while time.monotonic() < deadline and not all(said.values()):
        for one in watchers:
            while not heard[one].empty():
                said[one] += heard[one].get()
        time.sleep(0.05)
    active = next(one for one in watchers if "is the active one" in said[one])
    standby = next(one for one in watchers if one is not active)
    assert "stands by" in said[standby]
    active.kill()
    _await(heard[standby], "is the active one", 10)
    standby.send_signal(signal.SIGTERM)
    assert standby.wait(patient(5)) == 0


# ---- watching -------------------------------------------------------------------------------------------------------


def _job(uid: str, version: int) -> dict[str, Any]:
    labels = {"terrakube.io/attempt": f"attempt-{uid}"}
    return {"metadata": {"uid": uid, "name": uid, "resourceVersion": str(version), "labels": labels}, "spec": {}}


class Server:
    """Lists and watches that go wrong as real ones do; the script is played once and then repeats its last part."""

    def __init__(self, *watches: list[Any]) -> None:
        self.listed = 0
        self.asked: list[str] = []
        self._watches = list(watches)

    def list(self, namespace: str, selector: str) -> tuple[list[dict[str, Any]], str]:
        self.listed += 1
        return [_job("a", 1)], "1"

    def watch(self, namespace: str, selector: str, version: str, *, seconds: int) -> Iterator[tuple[str, Any]]:
        self.asked.append(version)
        for event in self._watches.pop(0) if self._watches else [None]:
            if event is None:
                time.sleep(0.05)
                return
            if isinstance(event, Exception):
                raise event
            yield event


def _reflect(server: Server, until: Any) -> tuple[Reflector, queue.Queue[str]]:
    changed: queue.Queue[str] = queue.Queue()
    reflector = Reflector("Jobs", server.list, server.watch, "terrakube", changed)
    thread = threading.Thread(target=reflector.run)
    thread.start()
    deadline = time.monotonic() + patient(5)
    while not until(reflector) and time.monotonic() < deadline:
        time.sleep(0.01)
    reflector.stop()
    thread.join(patient(5))
    assert until(reflector)
    return reflector, changed


def test_a_watch_goes_on_from_the_bookmark_of_the_one_before() -> None:
    bookmark = {"metadata": {"resourceVersion": "40"}}
    server = Server([("MODIFIED", _job("a", 7)), ("BOOKMARK", bookmark), None])
    _reflect(server, lambda _: len(server.asked) >= 2)
    assert server.asked[:2] == ["1", "40"]
    assert server.listed == 1


@pytest.mark.parametrize(
    "failure", [Expired("too old", status=410), ClusterError("reset"), ("ERROR", {"code": 410, "message": "too old"})]
)
def test_a_watch_that_was_cut_is_begun_with_a_new_list(failure: Any) -> None:
    server = Server([("ADDED", _job("b", 2)), failure])
    reflector, changed = _reflect(server, lambda _: server.listed >= 2)
    assert {one["metadata"]["uid"] for one in reflector.objects()} == {"a"}
    heard = set()
    while not changed.empty():
        heard.add(changed.get())
    assert heard == {"attempt-a", "attempt-b"}, "what is gone with the gap is looked at too"


def test_a_watch_that_is_forbidden_ends_where_it_can_do_without() -> None:
    server = Server([ClusterError("forbidden", status=403)])
    reflector = Reflector("pods", server.list, server.watch, "terrakube", queue.Queue())
    reflector.run(until_forbidden=True)
    assert not reflector.synced


def test_the_last_that_was_seen_of_what_is_gone_is_kept() -> None:
    last = _job("a", 9) | {"status": {"phase": "Failed"}}
    server = Server([("DELETED", last), None])
    reflector, _ = _reflect(server, lambda one: one.departed())
    assert reflector.objects() == []
    assert reflector.departed()["attempt-a"]["status"] == {"phase": "Failed"}
