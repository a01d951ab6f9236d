"""A step's log for clients as it grows: server-sent events of whole lines, whose id is the offset of their end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from executors import log_stream
from executors.models import Attempt
from executors.terrakube import stored
from workspaces.api.errors import NotThere
from workspaces.api.plain import PlainView
from workspaces.models import Step

_RETRY = b"retry: 1000\n\n"
_OVER = b"event: over\ndata: {}\n\n"


class _Allowed(PlainView):
    """Who may follow the log, by the rules of every view; its answer names the attempt, None when there is none yet."""

    def get(self, request: Request, organization_id: UUID, job_id: int, step_id: UUID) -> Response:
        step = Step.objects.visible_to(self.actor).filter(pk=step_id, job=job_id, job__organization=organization_id)
        found = step.first()
        if found is None:
            raise NotThere(f"Unknown identifier {step_id} for step")
        attempt = Attempt.objects.filter(step=step_id).order_by("-number").values_list("pk", flat=True).first()
        kept = stored.step_log(step_id) if attempt is None and found.is_final else None
        answer = Response(None)
        answer.found = (attempt, kept, found.is_final)  # type: ignore[attr-defined] # for the view below alone
        return answer


_allowed = _Allowed.as_view()


def _ask(request: HttpRequest, **names: Any) -> Any:
    answer: Any = _allowed(request, **names)
    answer.render()
    return answer


async def stream(request: HttpRequest, organization_id: UUID, job_id: int, step_id: UUID) -> HttpResponseBase:
    """``GET …/step/S/stream``; ``Last-Event-ID`` goes on where a connection broke off."""
    answer = await sync_to_async(_ask)(request, organization_id=organization_id, job_id=job_id, step_id=step_id)
    if not hasattr(answer, "found"):
        return answer  # type: ignore[no-any-return]
    attempt_id, kept, final = answer.found
    text = request.headers.get("Last-Event-ID", "")
    offset = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
    events = _follow(attempt_id, offset) if attempt_id is not None else _stored(kept or b"", offset, final)
    response = StreamingHttpResponse(events, content_type="text/event-stream")
    response["Cache-Control"] = "no-cache"
    # nginx would collect events before it hands them on.
    response["X-Accel-Buffering"] = "no"
    return response


def _event(lines: bytes, end: int) -> bytes:
    # A line's own carriage returns would end it in this protocol.
    rows = lines.removesuffix(b"\n").replace(b"\r", b"").split(b"\n")
    return b"id: %d\n%s\n" % (end, b"".join(b"data: %s\n" % row for row in rows))


async def _follow(attempt_id: UUID, offset: int) -> AsyncIterator[bytes]:
    yield _RETRY
    rest, end = b"", offset
    async for piece in log_stream.follow(attempt_id, offset):
        if piece is None:
            yield b": still here\n\n"
            continue
        # Only whole lines, in which no character is cut.
        lines, newline, tail = (rest + piece.data).rpartition(b"\n")
        rest, end = tail, piece.end
        if newline:
            yield _event(lines + newline, end - len(rest))
    if rest:
        yield _event(rest, end)
    yield _OVER


async def _stored(log: bytes, offset: int, final: bool) -> AsyncIterator[bytes]:
    """A log that lies in the storage; nothing at all for a step that has not begun, whose client comes again."""
    yield _RETRY
    if log[offset:]:
        yield _event(log[offset:], len(log))
    if final:
        yield _OVER
