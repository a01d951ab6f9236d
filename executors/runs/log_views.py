"""The log of a step as the page of its job asks for it: pieces, a search, a download, events."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import AsyncIterator
from enum import StrEnum
from functools import lru_cache
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse

from executors.choices import AttemptState
from executors.logs import event_stream, live_stream, store
from executors.logs.readable_text import readable_log
from executors.models import Attempt
from executors.runs.access import attempt_of, find_attempt, find_job, refusal, signed_in_view
from executors.runs.viewers import CHECK_SECONDS, Viewer, viewers

LOG_BYTES = 2**20
END_BYTES = 2**14
LONGEST_TEXT = 200
_STYLE = re.compile(rb"\x1b\[[0-9;:]*m")
_ERROR = re.compile(rb"\b(?:error|panic|fatal|failed)\b", re.IGNORECASE)


def _whole_number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 19 else 0


def _number(request: HttpRequest, name: str) -> int:
    return _whole_number(request.GET.get(name, ""))


def _offset(request: HttpRequest) -> int:
    return _whole_number(request.headers.get("Last-Event-ID") or request.GET.get("offset", ""))


@signed_in_view
def log(request: HttpRequest, job_id: int, step_id: UUID) -> HttpResponse:
    """A piece of a log from ``?offset=`` on, made safe to show; headers say which bytes of the log it stands for.

    ``?tail=`` begins so many bytes before the end of a log that is much longer.
    """
    attempt = find_attempt(request, job_id, step_id)
    tail = _number(request, "tail")
    offset = min(_offset(request), attempt.log_size)
    if tail and attempt.log_size > tail + LOG_BYTES:
        offset = attempt.log_size - tail
    piece = store.read_log(attempt, offset, limit=LOG_BYTES)
    over = attempt.state == AttemptState.ENDED
    shown = readable_log(piece.data, final=over and piece.end >= attempt.log_size)
    response = HttpResponse(shown.text.encode(), content_type="application/octet-stream")
    response["X-Log-Start"] = str(offset)
    response["X-Log-End"] = str(piece.end - len(piece.data) + shown.taken)
    response["X-Log-Size"] = str(attempt.log_size)
    response["X-Log-Attempt"] = str(attempt.number)
    response["X-Log-Over"] = "1" if over else "0"
    return response


def end_of_log(attempt: Attempt | None) -> str:
    """Return the last lines of a log as plain text, for a page that runs no scripts; empty without output."""
    if attempt is None or not attempt.log_size:
        return ""
    start = max(attempt.log_size - END_BYTES, 0)
    text = readable_log(store.read_log(attempt, start, limit=END_BYTES).data, final=True, colours=False).text
    return text.partition("\n")[2] if start else text


@signed_in_view
def find(request: HttpRequest, job_id: int, step_id: UUID) -> HttpResponse:
    """Where ``?text=`` is first found in a log from ``?offset=`` on, or without a text the first error; else null."""
    attempt = find_attempt(request, job_id, step_id)
    text = request.GET.get("text", "")[:LONGEST_TEXT]
    pattern = re.compile(re.escape(text).encode(), re.IGNORECASE) if text else _ERROR
    rest = b""
    for piece in store.pieces(attempt, _offset(request), limit=LOG_BYTES):
        window = rest + piece.data
        match = pattern.search(window)
        if match is not None:
            return JsonResponse({"offset": piece.offset - len(rest) + match.start()})
        # What is looked for may be cut by the end of a piece.
        rest = window[-LONGEST_TEXT:]
    return JsonResponse({"offset": None})


class _Form(StrEnum):
    """What a downloaded log is for."""

    BYTES = "bytes"
    """To be kept: byte for byte what the executor sent."""
    UNCOLOURED = "uncoloured"
    """For an editor: the same without colours and styles."""
    READABLE = "readable"
    """For a reader in a browser without scripts: nothing acts."""


async def _whole(attempt: Attempt, form: _Form) -> AsyncIterator[bytes]:
    rest = b""
    async for piece in live_stream.pieces(attempt.pk, limit=LOG_BYTES):
        if form == _Form.BYTES:
            yield piece.data
            continue
        text, rest = _formed(form, rest + piece.data, final=False)
        yield text
    if rest:
        yield _formed(form, rest, final=True)[0]


def _formed(form: _Form, data: bytes, *, final: bool) -> tuple[bytes, bytes]:
    """Return a part of a log in a form, and the rest that has to wait for what follows."""
    if form == _Form.READABLE:
        shown = readable_log(data, final=final, colours=False)
        return shown.text.encode(), data[shown.taken :]
    if final:
        return _STYLE.sub(b"", data), b""
    # A colour's code may be cut by the end of a piece; whole lines hold whole codes.
    lines, newline, rest = data.rpartition(b"\n")
    return _STYLE.sub(b"", lines + newline), rest


@signed_in_view
def download(request: HttpRequest, job_id: int, step_id: UUID) -> HttpResponse:
    """Return the whole log as a file, as the executor sent it; ``?colors=0`` leaves out colours.

    ``?inline=1`` is for a browser that runs no scripts, made safe to show.
    """
    attempt = find_attempt(request, job_id, step_id)
    inline = request.GET.get("inline") == "1"
    form = _Form.READABLE if inline else _Form.UNCOLOURED if request.GET.get("colors") == "0" else _Form.BYTES
    response = StreamingHttpResponse(_whole(attempt, form), content_type="text/plain; charset=utf-8")
    if not inline:
        response["Content-Disposition"] = f'attachment; filename="{attempt.job_name or attempt.pk}.log"'
    # The pieces are read in threads of their own.
    event_stream.give_connections_back()
    return response  # type: ignore[return-value]


async def events(request: HttpRequest, job_id: int, step_id: UUID) -> HttpResponse | StreamingHttpResponse:
    """Return a log as server-sent events: each a piece in base64, with the offset of its end as its id."""
    if request.method != "GET":
        return HttpResponse(status=405)
    request.user = await request.auser()
    refused = refusal(request)
    if refused is not None:
        return refused
    attempt, viewer = await sync_to_async(_opened)(request, job_id, step_id)
    return await event_stream.response(_events(attempt.pk, _offset(request), viewer))


def _opened(request: HttpRequest, job_id: int, step_id: UUID) -> tuple[Attempt, Viewer]:
    job = find_job(request, job_id)
    attempt = attempt_of(request, job, step_id)
    return attempt, viewers.join(request.session.session_key or "", request.user, job)


@lru_cache(maxsize=16)
def _event(data: bytes, end: int, *, final: bool = False) -> tuple[bytes, bytes]:
    """Return the event that shows a log's bytes up to ``end``, and the rest that has to wait for what follows.

    It is worked out once for all who watch the same log.
    """
    shown = readable_log(data, final=final)
    rest = data[shown.taken :]
    event = b"id: %d\ndata: %s\n\n" % (end - len(rest), base64.b64encode(shown.text.encode()))
    return event if shown.taken else b"", rest


async def _events(attempt_id: UUID, offset: int, viewer: Viewer) -> AsyncIterator[bytes]:
    yield event_stream.RETRY
    rest, end, sent_at = b"", offset, time.monotonic()
    with viewer.streaming():
        async for piece in live_stream.follow_log(attempt_id, offset, pause=CHECK_SECONDS):
            if not await viewers.still_may(viewer):
                # The page asks again, and is refused then.
                return
            event = b""
            if piece is not None:
                end = piece.end
                event, rest = _event(rest + piece.data, end)
            elif time.monotonic() - sent_at >= live_stream.KEEP_ALIVE_SECONDS:
                event = event_stream.STILL_HERE
            if event:
                sent_at = time.monotonic()
                yield event
    if rest:
        yield _event(rest, end, final=True)[0]
    yield event_stream.OVER
