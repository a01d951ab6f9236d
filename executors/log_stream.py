"""Live logs for many viewers: one reader in a process asks the database, and hands on to all who watch.

Every 200 ms one query asks how far the watched attempts are, and what is new is read once. A viewer that is further
behind than what is kept here reads for itself until it has caught up.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID
from weakref import WeakKeyDictionary

from django.db import DatabaseError, connections

from executors.choices import AttemptState
from executors.models import Attempt
from executors.reporting import logs
from executors.reporting.logs import Piece

logger = logging.getLogger(__name__)
POLL_SECONDS = 0.2
KEEP_ALIVE_SECONDS = 15
RETRY_SECONDS = 1
PIECE_BYTES = 256 * 1024
KEPT_BYTES = 2 * 2**20
"""Of one log, for viewers that are a little behind."""


@dataclass(frozen=True, slots=True)
class _News:
    attempt_id: UUID
    size: int
    over: bool
    piece: Piece | None


@dataclass(slots=True, eq=False)
class _Watched:
    """One log that somebody watches; ``known`` turns true with the first look at it."""

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
        """The kept piece that begins at an offset; None when it is no longer, or not yet, kept."""
        return next((piece for piece in self.pieces if piece.offset == offset), None)


def _read(attempt_id: UUID, offset: int, limit: int = PIECE_BYTES) -> Piece:
    return logs.read(Attempt(pk=attempt_id), offset, limit=limit)


async def _in_thread[T](function: Callable[[], T]) -> T:
    def run() -> T:
        try:
            return function()
        finally:
            # The thread is anybody's next; the web process's pool keeps the connection itself.
            connections.close_all()

    return await asyncio.to_thread(run)


def _look(known: Mapping[UUID, int | None]) -> list[_News]:
    """What is new in each attempt's log behind the byte that is known; None knows nothing yet."""
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
    """The logs that are watched in one process (one event loop)."""

    def __init__(self) -> None:
        self._watched: dict[UUID, _Watched] = {}
        self._task: asyncio.Task[None] | None = None
        self.looks = 0
        """How often the database was asked; a measure for tests."""

    @asynccontextmanager
    async def watching(self, attempt_id: UUID) -> AsyncIterator[_Watched]:
        log = self._watched.setdefault(attempt_id, _Watched())
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
                    for news in await _in_thread(partial(_look, known)):
                        if news.attempt_id in self._watched:
                            self._watched[news.attempt_id].tell(news)
                except DatabaseError:
                    logger.warning("Live logs could not be read; trying again", exc_info=True)
                    await asyncio.sleep(RETRY_SECONDS)
            await asyncio.sleep(POLL_SECONDS)


_broadcasters: WeakKeyDictionary[asyncio.AbstractEventLoop, Broadcaster] = WeakKeyDictionary()


def broadcaster() -> Broadcaster:
    """The broadcaster of the running event loop."""
    return _broadcasters.setdefault(asyncio.get_running_loop(), Broadcaster())


async def read(attempt_id: UUID, offset: int, *, limit: int) -> Piece:
    """A piece of a log, read in a thread of its own."""
    return await _in_thread(partial(_read, attempt_id, offset, limit))


async def follow(attempt_id: UUID, offset: int) -> AsyncIterator[Piece | None]:
    """The pieces of a log from an offset on, as they come, until the attempt is over.

    None stands for a while without news, in which a connection wants to be kept alive.
    """
    async with broadcaster().watching(attempt_id) as log:
        while True:
            changed = log.changed
            if log.known and offset < log.end:
                try:
                    piece = log.after(offset) or await read(attempt_id, offset, limit=PIECE_BYTES)
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
                await asyncio.wait_for(changed.wait(), KEEP_ALIVE_SECONDS)
            except TimeoutError:
                yield None
