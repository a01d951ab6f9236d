"""The warm pods that wait at this process: one reader asks the database for all of them.

One query asks which of them have been taken: at once where the database notifies of it, else every 50 ms. Every two
seconds one statement notes that they still wait. Nothing runs while no pod waits.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from uuid import UUID
from weakref import WeakKeyDictionary

from django.db import DatabaseError

from executors.choices import WarmState
from executors.models import WarmPod
from executors.warm import records
from terrakube_site.database.notify import Listener, listening_to
from terrakube_site.database.threads import run_in_thread

logger = logging.getLogger(__name__)
POLL_SECONDS = 0.05
NOTIFIED_POLL_SECONDS = 0.5
"""The same while notifications arrive."""
NOTE_SECONDS = 2.0
RETRY_SECONDS = 1.0


def _no_longer_waiting(pod_ids: Iterable[UUID]) -> set[UUID]:
    waiting = WarmPod.objects.filter(pk__in=pod_ids, state__in=(WarmState.WAITING, WarmState.TAKEN))
    return set(pod_ids) - set(waiting.values_list("pk", flat=True))


class WaitingRoom:
    """The waiting pods of one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[UUID, asyncio.Event] = {}
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def entered(self, pod_id: UUID) -> AsyncIterator[asyncio.Event]:
        """Wait here; the event is set when the pod has an attempt or must end."""
        event = self._waiting[pod_id] = asyncio.Event()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="waiting warm pods")
        try:
            yield event
        finally:
            # A pod whose connection broke may be back already, with an event of its own.
            if self._waiting.get(pod_id) is event:
                del self._waiting[pod_id]

    async def _run(self) -> None:
        async with listening_to(records.CHANNEL) as listener:
            await self._read(listener)

    async def _read(self, listener: Listener) -> None:
        note_at = time.monotonic() + NOTE_SECONDS
        while self._waiting:
            await listener.wait(NOTIFIED_POLL_SECONDS if listener.hears else POLL_SECONDS)
            pod_ids = list(self._waiting)
            try:
                called = await run_in_thread(lambda: _no_longer_waiting(pod_ids))  # noqa: B023 - awaited at once
                if time.monotonic() >= note_at:
                    note_at = time.monotonic() + NOTE_SECONDS
                    await run_in_thread(lambda: records.note_seen(pod_ids))  # noqa: B023
            except DatabaseError:
                logger.warning("The warm pods could not be looked up; trying again", exc_info=True)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for pod_id in called:
                event = self._waiting.get(pod_id)
                if event is not None:
                    event.set()


_rooms: WeakKeyDictionary[asyncio.AbstractEventLoop, WaitingRoom] = WeakKeyDictionary()


def waiting_room() -> WaitingRoom:
    """Return the waiting room of the running event loop."""
    return _rooms.setdefault(asyncio.get_running_loop(), WaitingRoom())
