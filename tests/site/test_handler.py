"""A request stays in one thread, which serves the next one after it, and ends when its client goes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core import signals
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import override_settings
from django.urls import path
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

from terrakube_site.http import handler
from terrakube_site.http.handler import OneVisitHandler, make_application

type Message = Mapping[str, Any]

steps: list[tuple[str, int]] = []
"""What happened, and in which thread."""
may_go_on = threading.Event()
both_are_here = threading.Barrier(2)


def note(step: str) -> None:
    steps.append((step, threading.get_ident()))


def ordinary(request: HttpRequest) -> HttpResponse:
    note("view")
    seen = f"{translation.get_language()} {sorted(get_contextvars())}"
    translation.activate("de")
    bind_contextvars(left_behind=True)
    return HttpResponse(seen)


@csrf_exempt
def measured(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(len(request.read())))


def failing(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("The view fails")


def meeting(request: HttpRequest) -> HttpResponse:
    both_are_here.wait(timeout=60)
    return HttpResponse()


@csrf_exempt
async def waiting(request: HttpRequest) -> HttpResponse:
    await sync_to_async(note)("looked up")
    note("waits")
    try:
        await asyncio.Event().wait()
    finally:
        note("cancelled")
    return HttpResponse()


async def pieces() -> AsyncGenerator[bytes]:
    try:
        while True:
            await sync_to_async(note)("piece")
            yield b"piece"
    finally:
        note("closed")


async def streaming(request: HttpRequest) -> HttpResponseBase:
    await sync_to_async(note)("view")
    return StreamingHttpResponse(pieces())


def three_pieces(request: HttpRequest) -> HttpResponseBase:
    async def three() -> AsyncIterator[bytes]:
        async with aclosing(pieces()) as many:
            for _ in range(3):
                yield await anext(many)

    note("view")
    return StreamingHttpResponse(three())


def noted(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    def answer(request: HttpRequest) -> HttpResponseBase:
        note("middleware")
        return get_response(request)

    return answer


urlpatterns = [path(f"{view.__name__}/", view) for view in (ordinary, measured, failing, meeting, waiting, streaming)]
urlpatterns.append(path("three/", three_pieces))


@dataclass
class Browser:
    """Sends one request, and leaves once it has got as many messages as it waits for."""

    application: OneVisitHandler
    body: list[bytes] = field(default_factory=lambda: [b""])
    is_body_whole: bool = True
    leaves_after: int | None = None
    got: list[Message] = field(default_factory=list)

    async def ask(self, address: str, query: bytes = b"") -> None:
        head = {"type": "http", "method": "POST" if len(self.body) > 1 else "GET", "http_version": "1.1"}
        where = {"path": address, "raw_path": address.encode(), "query_string": query, "server": ("testserver", 80)}
        length = str(sum(map(len, self.body))).encode()
        self._left = asyncio.Event()
        await self.application({**head, **where, "headers": [(b"content-length", length)]}, self._receive, self._send)

    async def leave(self) -> None:
        self._left.set()

    async def _receive(self) -> Message:
        if self.body:
            piece = self.body.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self.body) or not self.is_body_whole}
        if self.is_body_whole:
            await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self.got.append(message)
        if len(self.got) == self.leaves_after:
            self._left.set()
        # As a server does once the connection takes no more.
        await asyncio.sleep(0)

    @property
    def status(self) -> int:
        return int(self.got[0]["status"])

    @property
    def content(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.got[1:])


@contextmanager
def noted_signals() -> Iterator[None]:
    def started(**_: Any) -> None:
        note("started")

    def finished(**_: Any) -> None:
        note("finished")

    signals.request_started.connect(started)
    signals.request_finished.connect(finished)
    try:
        yield
    finally:
        signals.request_started.disconnect(started)
        signals.request_finished.disconnect(finished)


@pytest.fixture
def application() -> Iterator[OneVisitHandler]:
    steps.clear()
    # Of other tests in this process.
    clear_contextvars()
    chain = [f"{__name__}.noted", "django.middleware.common.CommonMiddleware"]
    changed = override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=chain, ALLOWED_HOSTS=["*"])
    with changed, noted_signals(), translation.override("en"):
        yield make_application()


def names() -> list[str]:
    return [step for step, _ in steps]


def threads() -> set[int]:
    return {thread for _, thread in steps}


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 60))


def test_a_request_makes_one_visit_to_a_thread_that_serves_the_next_one(
    application: OneVisitHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def two() -> None:
        for _ in range(2):
            browser = Browser(application)
            # A server has a task for each request.
            await asyncio.create_task(browser.ask("/ordinary/"))
            # Nothing of the request before is left in the thread.
            assert browser.content == b"en []"

    visits: list[ThreadPoolExecutor] = []
    submit = ThreadPoolExecutor.submit

    def noted_visit(self: ThreadPoolExecutor, *work: Any) -> Any:
        visits.append(self)
        return submit(self, *work)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", noted_visit)
    run(two())
    assert len(visits) == 2
    assert len(set(visits)) == 1
    assert names() == ["started", "middleware", "view", "finished"] * 2
    assert len(threads()) == 1
    assert threading.get_ident() not in threads()


def test_two_requests_at_once_have_a_thread_each_of_which_some_are_kept(
    application: OneVisitHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "KEPT_THREADS", 1)

    async def at_once() -> None:
        await asyncio.gather(Browser(application).ask("/meeting/"), Browser(application).ask("/meeting/"))

    run(at_once())
    assert names().count("finished") == 2
    assert len(threads()) == 2
    assert len(application._idle) == 1


def test_a_body_arrives_whole_and_one_that_breaks_off_reaches_no_view(application: OneVisitHandler) -> None:
    browser = Browser(application, body=[bytes(2**20)] * 4)
    run(browser.ask("/measured/"))
    assert browser.content == str(4 * 2**20).encode()
    steps.clear()
    run(Browser(application, body=[b"begin", b"more"], is_body_whole=False).ask("/measured/"))
    assert steps == []


@pytest.mark.parametrize(
    ("address", "query", "status"), [("/failing/", b"", 500), ("/nowhere/", b"", 404), ("/ordinary/", b"\xff", 400)]
)
def test_a_request_that_fails_is_answered_and_finished(
    application: OneVisitHandler, address: str, query: bytes, status: int
) -> None:
    async def fails() -> None:
        await (browser := Browser(application)).ask(address, query)
        assert browser.status == status
        await Browser(application).ask("/ordinary/")

    run(fails())
    assert names().count("finished") == 2
    assert len(threads()) == 1


def test_a_view_that_waits_is_cancelled_when_its_client_goes(application: OneVisitHandler) -> None:
    async def leaves() -> None:
        browser = Browser(application)
        request = asyncio.create_task(browser.ask("/waiting/"))
        while "waits" not in names():
            await asyncio.sleep(0)
        await browser.leave()
        await request
        assert browser.got == []
        while "finished" not in names():
            await asyncio.sleep(0)
        await Browser(application).ask("/ordinary/")

    run(leaves())
    assert names()[:6] == ["started", "middleware", "looked up", "waits", "cancelled", "finished"]
    # The view itself runs in the event loop.
    assert {step for step, thread in steps if thread == threading.get_ident()} == {"waits", "cancelled"}


def test_a_request_that_the_server_cancels_stays_cancelled(application: OneVisitHandler) -> None:
    async def stops() -> None:
        request = asyncio.create_task(Browser(application).ask("/waiting/"))
        while "waits" not in names():
            await asyncio.sleep(0)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request

    run(stops())
    assert "cancelled" in names()


def test_a_stream_is_made_in_the_thread_of_its_request(application: OneVisitHandler) -> None:
    async def whole() -> None:
        await (browser := Browser(application)).ask("/three/")
        assert browser.content == b"piece" * 3
        assert browser.got[-1] == {"type": "http.response.body"}
        assert len(application._idle) == 1

    run(whole())
    assert names() == ["started", "middleware", "view", "piece", "piece", "piece", "closed", "finished"]
    assert len({thread for step, thread in steps if step != "closed"}) == 1


def test_a_stream_ends_when_its_client_goes(application: OneVisitHandler) -> None:
    async def leaves() -> None:
        browser = Browser(application, leaves_after=4)
        await browser.ask("/streaming/")
        assert browser.content.startswith(b"piece" * 3)
        assert len(application._idle) == 1
        while "closed" not in names():
            await asyncio.sleep(0)

    run(leaves())
    assert names()[:4] == ["started", "middleware", "view", "piece"]
    assert names().count("finished") == 1
