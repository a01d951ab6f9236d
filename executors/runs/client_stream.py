"""A growing step log for clients: server-sent events of whole lines, with the offset of their end as id."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from executors.logs import event_stream, live_stream
from executors.models import Attempt
from executors.terrakube import stored_files
from terrakube_site.database.threads import run_in_thread
from workspaces.api.errors import NotThere
from workspaces.api.json_views import PlainView
from workspaces.models import Step

RECHECK_SECONDS = 30
"""How often it is looked up again whether a client may follow the log that it follows."""


class _FollowPermission(PlainView):
    """Permission to follow a log, by the rules of every view; the answer names the attempt, or None."""

    def get(self, request: Request, organization_id: UUID, job_id: int, step_id: UUID) -> Response:
        step = Step.objects.visible_to(self.actor).filter(pk=step_id, job=job_id, job__organization=organization_id)
        found = step.first()
        if found is None:
            raise NotThere(f"Unknown identifier {step_id} for step")
        attempt = Attempt.objects.filter(step=step_id).order_by("-number").values_list("pk", flat=True).first()
        kept = stored_files.step_log(step_id) if attempt is None and found.is_final else None
        answer = Response(None)
        answer.found = (attempt, kept, found.is_final)  # type: ignore[attr-defined] # for the view below alone
        return answer


_allowed = _FollowPermission.as_view()


def _attempt_to_follow(request: HttpRequest, **names: Any) -> Any:
    answer: Any = _allowed(request, **names)
    answer.render()
    return answer


async def stream_log(request: HttpRequest, organization_id: UUID, job_id: int, step_id: UUID) -> HttpResponseBase:
    """``GET …/step/S/stream``; ``Last-Event-ID`` resumes a broken connection."""
    answer = await sync_to_async(_attempt_to_follow)(
        request, organization_id=organization_id, job_id=job_id, step_id=step_id
    )
    if not hasattr(answer, "found"):
        return answer  # type: ignore[no-any-return]
    attempt_id, kept, final = answer.found
    text = request.headers.get("Last-Event-ID", "")
    offset = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
    names = {"organization_id": organization_id, "job_id": job_id, "step_id": step_id}
    still_may = partial(_still_may, request, names)
    events = _follow(attempt_id, offset, still_may) if attempt_id is not None else _stored(kept or b"", offset, final)
    return await event_stream.response(events)


def _event(lines: bytes, end: int) -> bytes:
    # A carriage return inside a line would end it in this protocol.
    rows = lines.removesuffix(b"\n").replace(b"\r", b"").split(b"\n")
    return b"id: %d\n%s\n" % (end, b"".join(b"data: %s\n" % row for row in rows))


def _still_may(request: HttpRequest, names: Mapping[str, Any]) -> bool:
    return hasattr(_attempt_to_follow(request, **names), "found")


async def _follow(attempt_id: UUID, offset: int, still_may: Callable[[], bool]) -> AsyncIterator[bytes]:
    yield event_stream.RETRY
    rest, end, asked_at = b"", offset, time.monotonic()
    async for piece in live_stream.follow_log(attempt_id, offset):
        if time.monotonic() - asked_at >= RECHECK_SECONDS:
            asked_at = time.monotonic()
            if not await run_in_thread(still_may):
                # A log may go on for hours; the client asks again, and is refused then.
                return
        if piece is None:
            yield event_stream.STILL_HERE
            continue
        # Send whole lines only, in which no character is cut.
        lines, newline, tail = (rest + piece.data).rpartition(b"\n")
        rest, end = tail, piece.end
        if newline:
            yield _event(lines + newline, end - len(rest))
    if rest:
        yield _event(rest, end)
    yield event_stream.OVER


async def _stored(log: bytes, offset: int, final: bool) -> AsyncIterator[bytes]:
    """Stream a log from the object storage; empty for a step that has not begun, whose client tries again."""
    yield event_stream.RETRY
    if log[offset:]:
        yield _event(log[offset:], len(log))
    if final:
        yield event_stream.OVER
