"""Django's handler of ASGI requests, with one visit to a thread for the whole of an ordinary request.

Django's own handler changes between the event loop and the thread of a request about ten times, and starts two threads
for each request: one that works, one that waits for its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

import django
from asgiref.sync import ThreadSensitiveContext, iscoroutinefunction, sync_to_async
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest, get_script_prefix
from django.http import FileResponse, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch, set_script_prefix

from terrakube_site.http.body_limit import Receive, Scope, Send

KEPT_THREADS = 20
"""The number of idle threads that wait for a next request; the pool of connections has as many."""


class _Client:
    """The client of one request. While it is watched, its departure cancels the task that makes the answer."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._listener: asyncio.Task[None] | None = None
        self.is_gone = False

    def watch(self) -> None:
        """Start to watch; called in the event loop."""
        if self._listener is None and self._task is not None:
            self._listener = self._loop.create_task(self._listen())

    def watch_from_thread(self) -> None:
        self._loop.call_soon_threadsafe(self.watch)

    async def _listen(self) -> None:
        message = await self._receive()
        if message["type"] == "http.disconnect" and self._task is not None:
            self.is_gone = True
            self._task.cancel()

    async def forget(self) -> None:
        """Stop to watch, for good; a cancellation that has been made no longer counts."""
        task = self._task
        self._task = None
        if self.is_gone and task is not None:
            task.uncancel()
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait([self._listener])


class _Request(ASGIRequest):
    client: _Client | None = None


type _Answer = Callable[[Scope, IO[bytes], _Client], HttpResponseBase]


class _Thread:
    """A thread that takes requests, one at a time."""

    def __init__(self, answer: _Answer) -> None:
        self.executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="request")
        self.is_idle = True
        self._answer = answer
        self._work_later: Callable[[Scope, IO[bytes], _Client], Coroutine[Any, Any, HttpResponseBase]] = sync_to_async(
            self._work, thread_sensitive=False, executor=self.executor
        )

    def answer(self, scope: Scope, body: IO[bytes], client: _Client) -> Coroutine[Any, Any, HttpResponseBase]:
        # A cancelled task does not wait for an ordinary function, which then still has the thread.
        self.is_idle = False
        return self._work_later(scope, body, client)

    def _work(self, scope: Scope, body: IO[bytes], client: _Client) -> HttpResponseBase:
        try:
            return self._answer(scope, body, client)
        finally:
            self.is_idle = True

    def end(self) -> None:
        """Let the thread end after what it does now."""
        self.executor.shutdown(wait=False)


class OneVisitHandler(ASGIHandler):
    """Runs middlewares, view and the end of a request in one thread, and sends the answer in the event loop.

    Django's own chain runs in a thread as well, since most middlewares here are ordinary functions. A view that is a
    coroutine runs in the event loop, while the thread waits for it.
    """

    request_class = _Request

    def __init__(self) -> None:
        super().__init__()
        self._idle: list[_Thread] = []

    def load_middleware(self, is_async: bool = False) -> None:
        """Make the chain of middlewares, of ordinary functions whatever ``is_async`` says."""
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises ValueError for another protocol than HTTP."""
        if scope["type"] != "http":
            raise ValueError(f"Django can only handle ASGI/HTTP connections, not {scope['type']}.")
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        client = _Client(receive)
        thread = self._idle.pop() if self._idle else _Thread(self._answer)
        try:
            response = await thread.answer(scope, body, client)
            if response.streaming:
                await self._stream(response, send, thread, client)
            else:
                await self.send_response(response, send)
        except asyncio.CancelledError:
            if not client.is_gone:
                raise
        finally:
            await client.forget()
            if thread.is_idle and len(self._idle) < KEPT_THREADS:
                self._idle.append(thread)
            else:
                thread.end()
            body.close()

    def _answer(self, scope: Scope, body: IO[bytes], client: _Client) -> HttpResponseBase:
        """Return the answer of the chain of middlewares, closed unless its pieces are still to be made."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=type(self), scope=scope)
        try:
            request, response = self.create_request(scope, body)
            if isinstance(request, _Request):
                request.client = client
                response = self.get_response(request)
            assert response is not None  # noqa: S101 - one of both is always there
        except BaseException:
            # The view was a coroutine, and was cancelled because its client is gone.
            signals.request_finished.send(sender=type(self))
            raise
        response._handler_class = type(self)  # type: ignore[attr-defined]
        if isinstance(response, FileResponse):
            response.block_size = self.chunk_size
        if not response.streaming:
            # The end of a request gives back this thread's connection to the database.
            response.close()
        return response

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """Return the view of a request; one that is a coroutine may wait long, so its client is watched."""
        found: ResolverMatch = super().resolve_request(request)
        if isinstance(request, _Request) and request.client is not None and iscoroutinefunction(found.func):
            request.client.watch_from_thread()
        return found

    async def _stream(self, response: HttpResponseBase, send: Send, thread: _Thread, client: _Client) -> None:
        """Send an answer while its pieces are made; what is an ordinary function there runs in the request's thread."""
        client.watch()
        async with ThreadSensitiveContext(executor=thread.executor):
            try:
                await self._send_unless_gone(response, send, client)
            finally:
                # The server calls a client gone once it has all of the answer.
                await client.forget()
                await sync_to_async(response.close)()

    async def _send_unless_gone(self, response: HttpResponseBase, send: Send, client: _Client) -> None:
        try:
            await self.send_response(response, send)
        except asyncio.CancelledError:
            # It ends here, or it would keep the pieces alive, and what they hold, into the next collection of garbage.
            if not client.is_gone:
                raise


def make_application() -> OneVisitHandler:
    """Return the handler; reads the settings and the applications first, as ``get_asgi_application`` does."""
    django.setup(set_prefix=False)
    return OneVisitHandler()
