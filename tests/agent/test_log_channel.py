"""The log arrives whole, in order and soon; or says what it lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from executors.agent.api import Api
from executors.agent.log_channel import LogChannel
from tests.agent.api_server import ATTEMPT_TOKEN, ApiServer, Call
from tests.agent.harness import Agent, answer, job
from tests.support.patience import patient

Serve = Callable[..., ApiServer]
Start = Callable[..., Agent]


@pytest.fixture
def api() -> Iterator[ApiServer]:
    server = ApiServer(answer(job()))
    server.attempt.session = ATTEMPT_TOKEN
    yield server
    server.close()


def channel(api: ApiServer, **options: Any) -> LogChannel:
    events: list[object] = []
    settings: dict[str, Any] = {"sensitive": (), "buffer_bytes": 10**7, "on_over": events.append, **options}
    settings.setdefault("on_cancel", lambda: None)
    return LogChannel(Api(api.url, ATTEMPT_TOKEN, None, {}), **settings)


def test_a_line_is_there_within_a_moment(api: ApiServer) -> None:
    log = channel(api)
    log.line("first")
    # By itself: nothing follows it, and the log is not closed.
    api.wait(lambda: api.log == "first\n", 2)
    assert log.close(patient(5))
    assert log.size == 6


def test_many_small_writes_travel_in_few_chunks(api: ApiServer) -> None:
    written = threading.Event()

    def before(call: Call) -> None:
        written.wait()

    # The first chunk is on its way until all is written; what came meanwhile goes in the next.
    api.before = before
    log = channel(api)
    for number in range(2000):
        log.line(f"line {number}")
    written.set()
    assert log.close(patient(5))
    assert api.log.splitlines() == [f"line {number}" for number in range(2000)]
    assert len(api.calls) <= 3


def test_a_server_that_has_less_gets_it_again(api: ApiServer) -> None:
    log = channel(api)
    log.line("one")
    api.wait(lambda: api.log == "one\n")
    # The answer to the next chunk is lost, the chunk is not.
    dropped: list[Call] = []

    def before(call: Call) -> tuple[int, dict[str, Any]] | None:
        if not dropped:
            dropped.append(call)
            api._claimed(call)
            return 500, {}
        return None

    api.before = before
    log.line("two")
    assert log.close(patient(5))
    assert api.log == "one\ntwo\n"


def test_a_server_that_lost_bytes_that_are_no_longer_kept_is_told_how_many(api: ApiServer) -> None:
    log = channel(api)
    log.line("one")
    api.wait(lambda: api.log == "one\n")
    api.wait(lambda: log._acknowledged == 4)
    del api.attempt.log[:]
    log.line("two")
    assert log.close(patient(5))
    assert api.attempt.lost == [(0, 4)]
    assert api.log == "????two\n"


def test_during_an_outage_the_oldest_bytes_give_way_and_are_declared_lost(api: ApiServer) -> None:
    log = channel(api, buffer_bytes=1000)
    log.line("start")
    api.wait(lambda: api.log == "start\n")
    api.down = True
    for number in range(300):
        log.line(f"number {number:04}")
        time.sleep(0.001)
    assert sum(map(len, log._parts)) <= 1000
    api.down = False
    assert log.close(patient(10))
    assert log.size == len(api.attempt.log) == 6 + 300 * 12
    assert api.log.startswith("start\n")
    assert api.log.endswith("number 0298\nnumber 0299\n")
    assert sum(lost for _, lost in api.attempt.lost) == api.log.count("?") > 2000


def test_a_writer_waits_for_a_slow_api_instead_of_filling_memory(api: ApiServer) -> None:
    gate = threading.Event()

    def before(call: Call) -> None:
        gate.wait()

    api.before = before
    log = channel(api)
    block = b"x" * 65_536
    writer = threading.Thread(target=lambda: [log.write(block) for _ in range(100)])
    writer.start()
    api.wait(lambda: log.size - len(api.attempt.log) >= 2**20, what="a writer that has written as much as it may")
    assert sum(map(len, log._parts)) < 3 * 2**20
    gate.set()
    writer.join(patient(10))
    assert log.close(patient(10))
    assert len(api.attempt.log) == 100 * 65_536


def test_a_writer_does_not_wait_for_an_api_that_hangs_for_ever(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("executors.agent.log_channel._SLOW_CALL_SECONDS", 0.3)
    gate = threading.Event()

    def before(call: Call) -> None:
        gate.wait()

    api.before = before
    log = channel(api, buffer_bytes=3 * 2**20)
    for _ in range(100):
        log.write(b"x" * 65_536)
    # All of it is written, and no call was answered yet.
    api.wait(lambda: api.calls, what="the call that hangs")
    assert api.log == ""
    assert sum(map(len, log._parts)) <= 3 * 2**20
    gate.set()
    assert log.close(patient(10))
    assert log.size == len(api.attempt.log)


def test_cancel_and_the_end_of_the_attempt_come_back_with_a_chunk(api: ApiServer) -> None:
    heard: list[str] = []
    api.attempt.cancel = True
    log = channel(api, on_over=heard.append, on_cancel=lambda: heard.append("cancel"))
    log.line("one")
    api.wait(lambda: heard == ["cancel"])
    api.attempt.over = True
    log.line("two")
    api.wait(lambda: heard == ["cancel", "The attempt is over."])
    assert not log.close(1)


def test_a_chunk_that_is_refused_for_good_does_not_hold_up_the_step(api: ApiServer) -> None:
    api.before = lambda call: (413, {})
    log = channel(api)
    for _ in range(100):
        log.write(b"x" * 65_536)
    assert not log.close(5)


def test_a_million_lines_and_a_line_of_three_megabytes_arrive_in_little_memory(serve: Serve, start: Start) -> None:
    script = "seq 1 1000000; head -c 3000000 /dev/zero | tr '\\0' x; echo; printf 'no end'"
    command = {"runtime": "BASH", "script": script}
    api = serve(
        {}, type="customScripts", commandList=[command], claim={"sensitive": ["secret-one", "secret-two", "no"]}
    )
    agent = start(api)
    peak = 0
    while agent.process.poll() is None:
        peak = max(peak, agent.peak_kib())
        time.sleep(0.02)
    assert agent.wait() == 0
    lines = api.log.splitlines()
    first = lines.index("1")
    assert lines[first : first + 1_000_000] == [str(number) for number in range(1, 1_000_001)]
    assert lines[first + 1_000_000] == "x" * 3_000_000
    assert "*** end" in api.log
    assert api.attempt.lost == []
    assert peak < 45 * 1024
