"""Live logs for many viewers: one reader per process queries the database and serves all viewers.

Every 200 ms one query asks for the size of the watched logs, and new output is read once. A viewer that is behind the
buffer reads by itself until it has caught up.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID
from weakref import WeakKeyDictionary

from django.db import DatabaseError

from executors.choices import AttemptState
from executors.logs import store
from executors.logs.store import Piece
from executors.models import Attempt
from terrakube_site.database.threads import run_in_thread

logger = logging.getLogger(__name__)
POLL_SECONDS = 0.2
KEEP_ALIVE_SECONDS = 15
RETRY_SECONDS = 1
PIECE_BYTES = 256 * 1024
KEPT_BYTES = 2 * 2**20
"""Buffered bytes per log, for viewers that are a little behind."""


@dataclass(frozen=True, slots=True)
class _News:
    attempt_id: UUID
    size: int
    over: bool
    piece: Piece | None


@dataclass(slots=True, eq=False)
class _WatchedLog:
    """One log with viewers; ``known`` is set at the first poll of it."""

    known: bool = False
    end: int = 0
    over: bool = False
    viewers: int = 0
    pieces: deque[Piece] = field(default_factory=deque)
    kept: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, news: _News) -> None:
        if news.piece is not None and news.piece.end > self.end:
            self.pieces.append(news.piece)
            self.kept += len(news.piece.data)
            while self.kept > KEPT_BYTES and len(self.pieces) > 1:
                self.kept -= len(self.pieces.popleft().data)
            self.end = news.piece.end
        elif not self.known:
            self.end = news.size
        if not self.known or news.piece is not None or news.over != self.over:
            self.over, self.known = news.over, True
            changed, self.changed = self.changed, asyncio.Event()
            changed.set()

    def after(self, offset: int) -> Piece | None:
        """Return the buffered piece that begins at an offset, None if it is not buffered."""
        return next((piece for piece in self.pieces if piece.offset == offset), None)


def _read(attempt_id: UUID, offset: int, limit: int = PIECE_BYTES) -> Piece:
    return store.read_log(Attempt(pk=attempt_id), offset, limit=limit)


def _poll(known: Mapping[UUID, int | None]) -> list[_News]:
    """Return the new output of each attempt's log after the known byte; None means that nothing is known yet."""
    rows = Attempt.objects.filter(pk__in=known).values_list("pk", "log_size", "state")
    news = []
    for pk, size, state in rows:
        end = known[pk]
        piece = None
        if end is not None and size > end:
            piece = _read(pk, end)
        news.append(_News(pk, size, state == AttemptState.ENDED, piece))
    return news


class Broadcaster:
    """The watched logs of one process (one event loop)."""

    def __init__(self) -> None:
        self._watched: dict[UUID, _WatchedLog] = {}
        self._task: asyncio.Task[None] | None = None
        self.looks = 0
        """Number of database polls; a measure for tests."""

    @asynccontextmanager
    async def watching(self, attempt_id: UUID) -> AsyncIterator[_WatchedLog]:
        log = self._watched.setdefault(attempt_id, _WatchedLog())
        log.viewers += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="log reader")
        try:
            yield log
        finally:
            log.viewers -= 1
            if not log.viewers and self._watched.get(attempt_id) is log:
                del self._watched[attempt_id]

    async def _run(self) -> None:
        while self._watched:
            known = {pk: log.end if log.known else None for pk, log in self._watched.items() if not log.over}
            if known:
                self.looks += 1
                try:
                    for news in await run_in_thread(partial(_poll, known)):
                        if news.attempt_id in self._watched:
                            self._watched[news.attempt_id].tell(news)
                except DatabaseError:
                    logger.warning("Live logs could not be read; trying again", exc_info=True)
                    await asyncio.sleep(RETRY_SECONDS)
            await asyncio.sleep(POLL_SECONDS)


_broadcasters: WeakKeyDictionary[asyncio.AbstractEventLoop, Broadcaster] = WeakKeyDictionary()


def broadcaster() -> Broadcaster:
    """Return the broadcaster of the running event loop."""
    return _broadcasters.setdefault(asyncio.get_running_loop(), Broadcaster())


async def _read_in_thread(attempt_id: UUID, offset: int, limit: int = PIECE_BYTES) -> Piece:
    return await run_in_thread(partial(_read, attempt_id, offset, limit))


async def pieces(attempt_id: UUID, *, limit: int) -> AsyncIterator[Piece]:
    """The pieces of a whole log as it is now, each read in a thread of its own."""
    offset = 0
    while (piece := await _read_in_thread(attempt_id, offset, limit)).end > offset:
        yield piece
        offset = piece.end


async def follow_log(
    attempt_id: UUID, offset: int, *, pause: float = KEEP_ALIVE_SECONDS
) -> AsyncIterator[Piece | None]:
    """The pieces of a log from an offset on, as they come, until the attempt is over.

    None stands for a pause of so many seconds, in which the connection should be kept alive.
    """
    async with broadcaster().watching(attempt_id) as log:
        while True:
            changed = log.changed
            if log.known and offset < log.end:
                try:
                    piece = log.after(offset) or await _read_in_thread(attempt_id, offset)
                except DatabaseError:
                    logger.warning("A live log could not be read; trying again", exc_info=True)
                    await asyncio.sleep(RETRY_SECONDS)
                    yield None
                    continue
                if piece.end <= offset:
                    return
                offset = piece.end
                yield piece
                continue
            if log.known and log.over:
                return
            try:
                await asyncio.wait_for(changed.wait(), pause)
            except TimeoutError:
                yield None
