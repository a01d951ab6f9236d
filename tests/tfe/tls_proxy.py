"""A proxy that speaks https to terminals and http to a site, as it stands before sites that speak http alone.

While the site is away it answers as docs/terminal.md advises: a log has nothing new, and all else is 502.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.spine.sources import free_port

_BLOCK = 64 * 1024
_LOG = b"GET /remote/tfe/v2/logs/"
EMPTY = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
_AWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class TlsProxy:
    """Forwards connections to ``target`` once ``serve`` has given it a certificate."""

    def __init__(self, host: str) -> None:
        self.host, self.port = host, free_port(host)
        self.target: tuple[str, int] | None = None
        self.answered: list[bytes] = []
        """Answers that it gave itself, while the site was away."""
        self._away = False
        self._server: asyncio.Server | None = None
        self._ways: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def serve(self, context: ssl.SSLContext) -> None:
        """Accept connections from now on."""
        starting = asyncio.start_server(self._serve, self.host, self.port, ssl=context)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Do meanwhile as if no site listened, also for connections that there are."""
        self._away = True
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result()
        try:
            yield
        finally:
            self._away = False

    async def _cut(self) -> None:
        for way in self._ways:
            way.cancel()

    def close(self) -> None:
        """Accept and forward nothing more."""
        asyncio.run_coroutine_threadsafe(self._cancel_all(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _cancel_all(self) -> None:
        if self._server is not None:
            self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await (self._answer if self._away else self._forward)(reader, writer)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        answer = EMPTY if head.startswith(_LOG) else _AWAY
        self.answered.append(answer)
        writer.write(answer)
        await writer.drain()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self.target is not None
        there, back = await asyncio.open_connection(*self.target)
        ways = {asyncio.create_task(_pump(reader, back)), asyncio.create_task(_pump(there, writer))}
        self._ways |= ways
        try:
            # The end of one way is the end of both: an answer of HTTP needs no half of a connection.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._ways -= ways
            for way in ways:
                way.cancel()
            back.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_BLOCK):
            writer.write(data)
            await writer.drain()


@contextmanager
def tls_proxy_on(host: str) -> Iterator[TlsProxy]:
    """Give a proxy for as long as the context."""
    proxy = TlsProxy(host)
    try:
        yield proxy
    finally:
        proxy.close()
