"""The processes that are forked from one: what they do not inherit, what is left of them, what ends none of them."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator
from multiprocessing import active_children
from select import select
from typing import Any

import pytest
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.utils import ConnectionHandler

from executors import supervision
from executors.health import heartbeats
from executors.management.commands import up
from tests.spine.waiting import await_that
from tests.support.patience import patient


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """The two ends of a pipe. The test closes the writing one."""
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)


def read(reader: int) -> bytes:
    """Return what comes next; nothing when all who could write have ended."""
    assert select([reader], [], [], patient(10))[0], "somebody who could write is left"
    return os.read(reader, 64)


def rest() -> None:
    # A test that fails leaves none for ever.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(int(patient(10)))
    while True:
        signal.pause()


def started() -> set[int | None]:
    return {child.pid for child in active_children() if child.name in {"web", "worker", "watcher"}}


def test_a_forked_process_has_no_pool_of_connections_of_its_parent(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"pool": {"min_size": 0, "max_size": 1}}
    pooled = {"ENGINE": "django.db.backends.postgresql", "NAME": "none", "HOST": "127.0.0.1", "OPTIONS": options}
    handler = ConnectionHandler({"default": {}, "pooled": pooled})
    monkeypatch.setattr(supervision, "connections", handler)
    database: Any = handler["pooled"]
    pool = database.pool
    pool.open()
    reader, writer = pipe

    def main() -> None:
        os.write(writer, b"inherited" if "pooled" in database._connection_pools else b"none")

    process = supervision.Process("pooled", main)
    os.close(writer)
    try:
        assert read(reader) == b"none"
        assert pool.closed
    finally:
        process.stop()


def test_what_a_killed_process_leaves_in_its_group_ends_before_another_starts(pipe: tuple[int, int]) -> None:
    reader, writer = pipe

    def main() -> None:
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.write(writer, b"forked")
        rest()

    process = supervision.Process("cluster", main)
    os.close(writer)
    assert read(reader) == b"forked"
    os.kill(process.pid, signal.SIGKILL)
    await_that(lambda: process.ended() is not None, "it has ended", 10)
    process.stop()
    assert read(reader) == b""


@pytest.fixture
def resting(monkeypatch: pytest.MonkeyPatch) -> Callable[[], up.Processes]:
    """Start processes that do nothing; what they say is a failure."""
    monkeypatch.setattr(up, "load_for_web", gc.collect)
    monkeypatch.setattr(up, "load_for_others", gc.collect)
    monkeypatch.setattr(up, "web", lambda *_: rest)
    monkeypatch.setattr(up, "command", lambda *_: rest)
    return lambda: up.Processes("127.0.0.1", 0, pytest.fail)


@pytest.mark.parametrize("failing", ["load_for_others", "command"])
def test_a_start_that_fails_halfway_leaves_no_process(
    resting: Callable[[], up.Processes], monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def fail(name: str = "watch", *_: object) -> Callable[[], None]:
        if name == "watch":
            raise MemoryError
        return rest

    monkeypatch.setattr(up, failing, fail)
    with pytest.raises(MemoryError):
        resting()
    assert started() == set()


@pytest.mark.parametrize("outage", [OperationalError, InterfaceError, DatabaseError])
def test_a_moment_without_the_database_ends_no_process(
    resting: Callable[[], up.Processes], monkeypatch: pytest.MonkeyPatch, outage: type[Exception]
) -> None:
    asked, closed = [], []

    def is_stale(name: str) -> bool:
        asked.append(name)
        raise outage

    monkeypatch.setattr(heartbeats, "STALE_SECONDS", -1)
    monkeypatch.setattr(heartbeats, "EVERY_SECONDS", -1)
    monkeypatch.setattr(heartbeats, "is_stale", is_stale)
    processes = resting()
    monkeypatch.setattr(connection, "close", lambda: closed.append(True))
    try:
        before = started()
        assert len(before) == 3
        processes.look_after()
        assert asked == [heartbeats.WORKER]
        assert closed == [True], "the next look makes a connection anew"
        assert started() == before
    finally:
        processes.stop()
