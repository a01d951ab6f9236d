"""Limit the size and slowness of request bodies before any of it is stored.

Django writes a whole body to disk before a view or a middleware runs, for any sender. So a body above ``FREE_BYTES``
is only read once the request's head has been judged: its sender, and the view's limit.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

type Scope = dict[str, Any]
type Receive = Callable[[], Awaitable[Mapping[str, Any]]]
type Send = Callable[[Mapping[str, Any]], Awaitable[None]]
type Application = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]

MIB = 2**20
FREE_BYTES = 64 * 1024
"""Read of anybody and kept in memory: the server itself reads as much ahead."""
IDLE_SECONDS = 30.0
"""Timeout for the next piece of a body."""
FREE_SECONDS = 60.0
"""Timeout for the whole of a body whose sender is unknown."""
DRAIN_BYTES, DRAIN_SECONDS = 256 * 1024, 1.0
"""What is still taken, and thrown away, behind a refusal: a connection that is cut off at once loses the answer."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """A body may be read, up to a number of bytes."""

    limit: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer sent instead of reading a body."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()


type Judge = Callable[[Scope, int | None], Awaitable[Allowed | Refusal]]
"""Decides by the head of a request; the number is the length that it declares, None where it declares none."""


class _Refused(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.status)
        self.refusal = refusal


def refusal(status: int, sentence: str) -> Refusal:
    """Return a refusal in the format of the API's errors."""
    body = json.dumps({"errors": [{"status": str(status), "detail": sentence}]}).encode()
    return Refusal(status, body, ((b"content-type", b"application/json"),))


def too_large(limit: int) -> Refusal:
    size = f"{limit // MIB} MiB" if limit >= MIB else f"{limit // 1024} KiB"
    return refusal(413, f"The body is larger than the {size} that this address takes.")


def limited(application: Application, judge: Judge) -> Application:
    """Wrap the application so that it receives no more of a body than the sender may send to the view."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        body = _Body(scope, receive, judge)
        begun = False

        async def note(message: Mapping[str, Any]) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await body.look_at_length()
            await application(scope, body.receive, note)
        except _Refused as refused:
            if not begun:
                await _refuse(refused.refusal, body, send)

    return answer


class _Body:
    """The body of one incoming request."""

    def __init__(self, scope: Scope, receive: Receive, judge: Judge) -> None:
        self._scope, self._receive, self._judge = scope, receive, judge
        self._size = 0
        # None until the head was judged.
        self._limit: int | None = None
        self._deadline = asyncio.get_running_loop().time() + FREE_SECONDS
        self.over = False

    async def look_at_length(self) -> None:
        """Judge a request that declares a large body before the first byte of it. Raises _Refused."""
        said = [value for name, value in self._scope["headers"] if name == b"content-length"]
        if not said:
            return
        if len(said) > 1 or not said[0].isdigit():
            raise _Refused(refusal(400, "Content-Length must be one whole number."))
        length = int(said[0][:19])
        if length > FREE_BYTES:
            await self._ask(length)

    async def _ask(self, length: int | None) -> None:
        verdict = await self._judge(self._scope, length)
        if isinstance(verdict, Refusal):
            raise _Refused(verdict)
        self._limit = verdict.limit

    async def receive(self) -> Mapping[str, Any]:
        """Return the next message for the application. Raises _Refused."""
        if self.over:
            # What comes behind the body is the end of the connection, for which an application may wait long.
            return await self._receive()
        message = await self._next()
        self.over = message["type"] != "http.request" or not message.get("more_body", False)
        self._size += len(message.get("body", b""))
        if self._limit is None and self._size > FREE_BYTES:
            await self._ask(None)
        if self._limit is not None and self._size > self._limit:
            raise _Refused(too_large(self._limit))
        return message

    async def _next(self) -> Mapping[str, Any]:
        now = asyncio.get_running_loop().time()
        left = IDLE_SECONDS if self._limit is not None else min(IDLE_SECONDS, max(0.0, self._deadline - now))
        try:
            async with asyncio.timeout(left):
                return await self._receive()
        except TimeoutError:
            raise _Refused(refusal(408, "The body did not arrive in time.")) from None

    async def drain(self) -> None:
        """Discard some of what is still being sent, for a moment."""
        size = 0
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while not self.over and size < DRAIN_BYTES:
                    message = await self._receive()
                    self.over = message["type"] != "http.request" or not message.get("more_body", False)
                    size += len(message.get("body", b""))
        except TimeoutError:
            return


async def _refuse(found: Refusal, body: _Body, send: Send) -> None:
    """Answer with a refusal and close the connection, so that the rest of the body is never read."""
    told = {b"content-length", b"connection"}
    headers = [(name.lower(), value) for name, value in found.headers if name.lower() not in told]
    headers += [(b"content-length", str(len(found.body)).encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": found.status, "headers": headers})
    # The answer is whole with this, and on its way while the client may still be sending.
    await send({"type": "http.response.body", "body": found.body, "more_body": True})
    await body.drain()
    await send({"type": "http.response.body", "body": b""})
