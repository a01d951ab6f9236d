"""PostgreSQL's LISTEN and NOTIFY: tell other processes that something changed, in the transaction that changes it.

A notification only makes a reader look sooner. It can be lost: another database has none, and a pooler between may
swallow them. So a reader polls as well, and rarely once it has heard one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from django.db import connection

logger = logging.getLogger(__name__)
_RETRY_SECONDS = 5.0


def notify(channel: str) -> None:
    """Notify all listeners of a channel when the current transaction commits; nothing on another database."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [channel])


class Listener:
    """Hears the notifications of a channel; for one event loop."""

    def __init__(self) -> None:
        self.hears = False
        """Whether notifications do arrive: true from the first one on, until the connection breaks."""
        self._news = asyncio.Event()

    async def wait(self, seconds: float) -> bool:
        """Return True at the next notification, False after so many seconds without one."""
        try:
            await asyncio.wait_for(self._news.wait(), seconds)
        except TimeoutError:
            return False
        self._news.clear()
        return True

    async def listen(self, channel: str, options: dict[str, Any]) -> None:
        """Listen until cancelled; connect again when the connection breaks."""
        # Only where there is PostgreSQL is its client loaded.
        import psycopg
        from psycopg import sql

        while True:
            try:
                async with await psycopg.AsyncConnection.connect(**options, autocommit=True) as listening:
                    await listening.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                    async for _notification in listening.notifies():
                        self.hears = True
                        self._news.set()
            except (psycopg.Error, OSError) as error:
                logger.debug("Channel %s cannot be listened to: %s", channel, type(error).__name__)
            self.hears = False
            await asyncio.sleep(_RETRY_SECONDS)


@asynccontextmanager
async def listening_to(channel: str) -> AsyncIterator[Listener]:
    """Listen to a channel; on another database than PostgreSQL the listener hears nothing."""
    listener, task = Listener(), None
    if connection.vendor == "postgresql":
        task = asyncio.create_task(listener.listen(channel, _connection_options()), name=f"listen to {channel}")
    try:
        yield listener
    finally:
        if task is not None:
            task.cancel()


def _connection_options() -> dict[str, Any]:
    of_django = {"cursor_factory", "context", "pool", "prepare_threshold", "server_side_binding"}
    return {name: value for name, value in connection.get_connection_params().items() if name not in of_django}
