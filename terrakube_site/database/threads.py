"""Queries of an event loop, made in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from django.db import connections


async def run_in_thread[T](function: Callable[[], T]) -> T:
    """Run a function that may use the database in a thread, and return its result."""

    def run() -> T:
        try:
            return function()
        finally:
            # Another task may get this thread next; the connection pool of the web process keeps the connection.
            connections.close_all()

    return await asyncio.to_thread(run)
