"""The frame of server-sent events in which a log is sent as it grows."""

from __future__ import annotations

from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.db import connections
from django.http import StreamingHttpResponse

RETRY = b"retry: 1000\n\n"
STILL_HERE = b": still here\n\n"
OVER = b"event: over\ndata: {}\n\n"


def give_connections_back() -> None:
    """Return this thread's database connections to the pool, before an answer that may go on for hours.

    A request keeps its thread, and Django would keep the thread's connection, until the last byte is sent: as many
    viewers as the pool has connections would stop the site. Call it in the thread that looked something up.
    """
    for one in connections.all(initialized_only=True):
        if not one.in_atomic_block:
            one.close()


async def response(events: AsyncIterator[bytes]) -> StreamingHttpResponse:
    """Answer with events that follow one another for as long as there are any."""
    await sync_to_async(give_connections_back)()
    answer = StreamingHttpResponse(events, content_type="text/event-stream")
    answer["Cache-Control"] = "no-cache"
    # nginx would collect events before it hands them on.
    answer["X-Accel-Buffering"] = "no"
    return answer
