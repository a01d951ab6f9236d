"""The frame of server-sent events in which a log is sent as it grows."""

from __future__ import annotations

from collections.abc import AsyncIterator

from django.http import StreamingHttpResponse

RETRY = b"retry: 1000\n\n"
STILL_HERE = b": still here\n\n"
OVER = b"event: over\ndata: {}\n\n"


def response(events: AsyncIterator[bytes]) -> StreamingHttpResponse:
    """Answer with events that follow one another for as long as there are any."""
    answer = StreamingHttpResponse(events, content_type="text/event-stream")
    answer["Cache-Control"] = "no-cache"
    # nginx would collect events before it hands them on.
    answer["X-Accel-Buffering"] = "no"
    return answer
