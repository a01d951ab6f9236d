"""``GET logs/SECRET``: the log of a run's plan or apply, by the byte, as a terminal follows it.

A log is the logs of the phase's steps, one attempt after the other, between the marks of the protocol for its start and
end. Before an attempt's log stands what its pod waited for, since a terminal shows nothing else of that. The end comes
no sooner than the status is final, and the status is final no later than the end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.db import Error
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Length
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET

from executors.choices import ACTIVE, AttemptOutcome, EventKind
from executors.logs.byte_range import Gaps, gaps_of, read_range, shown_size
from executors.models import AttemptEvent, LogChunk
from terrakube_site.database.built_once import BuiltOnce
from terrakube_site.database.errors import is_passing
from terrakube_site.http.error_response import error_response
from tfe.runs.log_address import read_address
from tfe.runs.status import ENDED, Phase, phases_of, status_of
from workspaces.models import Job, Step

logger = logging.getLogger(__name__)
START, END = b"\x02", b"\x03"
MOST_BYTES = 2**20
_HIGHEST = 2**53
_SILENT = frozenset({AttemptOutcome.KILLED, AttemptOutcome.LOST})
_JOB = ("status", "reason", "started_at", "save_plan")
_STEP = ("id", "step_number", "type", "status", "decision", "queued_at", "started_at", "reason")
_ATTEMPT = ("id", "number", "state", "outcome", "log_size")


@dataclass(frozen=True, slots=True)
class _Attempt:
    key: UUID
    size: int
    gaps: Gaps
    outcome: str
    waits: int
    """Length of the sentences of what it waited for, in bytes."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A job with its steps, and the attempts of each step in order."""

    job: Job
    steps: tuple[Step, ...]
    attempts: dict[UUID, list[_Attempt]]


@csrf_exempt
@require_GET
def log(request: HttpRequest, secret: str) -> HttpResponse:
    """Answer with a part of a log; nothing new while the database does not answer."""
    start = min(_number(request, "offset", 0), _HIGHEST)
    limit = min(_number(request, "limit", MOST_BYTES), MOST_BYTES)
    found = read_address(secret)
    piece = None if found is None else _piece(*found, start, limit)
    if piece is None:
        return error_response("There is no such log.", 404)
    response = HttpResponse(piece, content_type="text/plain; charset=utf-8")
    response["Cache-Control"] = "no-store"
    return response


def _piece(job_id: int, phase: Phase, start: int, limit: int) -> bytes | None:
    """Return a part of a log; None if there is no such job."""
    try:
        source = _source(job_id)
        return None if source is None else _read(source, phase, start, limit)
    except Error as error:
        if not is_passing(error):
            raise
        # The clients repeat any request but this one: they would leave their run. Of an empty answer they soon ask for
        # the status, which they repeat. They do so at once, and leave the log when the run has ended meanwhile, unless
        # they have seen its start.
        logger.warning("A log could not be read now: %s", str(error).strip().partition("\n")[0])
        return START[start : start + limit]


def _number(request: HttpRequest, name: str, default: int) -> int:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else default


def _rows_of(job_id: int) -> QuerySet[Job, dict[str, Any]]:
    return (
        Job.objects.filter(pk=job_id)
        .order_by("steps__step_number", "steps__attempts__number")
        .values(
            *_JOB,
            *(f"steps__{name}" for name in _STEP),
            *(f"steps__attempts__{name}" for name in _ATTEMPT),
            has_gaps=Exists(LogChunk.objects.filter(attempt=OuterRef("steps__attempts__pk"), data__isnull=True)),
            waits=Subquery(
                _waits_of(OuterRef("steps__attempts__pk")).values("attempt").annotate(n=_LENGTH).values("n")
            ),
        )
    )


_ROWS = BuiltOnce(_rows_of)


def _source(job_id: int) -> _Source | None:
    """Look up with one query what a poll needs to know: a terminal polls each second."""
    rows = _ROWS.rows(job_id)
    if not rows:
        return None
    job = Job(pk=job_id, **{name: rows[0][name] for name in _JOB})
    steps: dict[UUID, Step] = {}
    attempts: dict[UUID, list[_Attempt]] = {}
    for row in rows:
        key = row["steps__id"]
        if key is None:
            continue
        step = steps.setdefault(key, Step(**{name: row[f"steps__{name}"] for name in _STEP}))
        if row["steps__attempts__id"] is None:
            continue
        if row["steps__attempts__state"] in ACTIVE:
            setattr(step, "live", True)  # noqa: B010 - as `find` annotates it
        attempt, size = row["steps__attempts__id"], row["steps__attempts__log_size"]
        gaps = gaps_of(attempt) if row["has_gaps"] else ()
        found = _Attempt(attempt, size, gaps, row["steps__attempts__outcome"], row["waits"] or 0)
        attempts.setdefault(key, []).append(found)
    return _Source(job, tuple(steps.values()), attempts)


def _waits_of(attempt: UUID | OuterRef) -> QuerySet[AttemptEvent]:
    """Return what an attempt waited for until it was claimed: later entries would move what a client counted."""
    late = Q(attempt__claimed_at__isnull=False, at__gte=F("attempt__claimed_at"))
    return AttemptEvent.objects.filter(attempt=attempt, kind=EventKind.WAITING).exclude(late).order_by()


_LENGTH = Sum(Length("detail") + 1)


def _waits(attempt: UUID) -> bytes:
    # One byte for each character, as the database counts them.
    texts = _waits_of(attempt).order_by("at", "id").values_list("detail", flat=True)
    return "".join(f"{text}\n" for text in texts).encode("ascii", errors="replace")


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a log; ``read`` takes where it begins and how many bytes are wanted."""

    size: int
    read: Callable[[int, int], bytes]


def _read(source: _Source, phase: Phase, start: int, limit: int) -> bytes:
    data, at = bytearray(), 0
    for part in _parts(source, phase):
        begin = max(start - at, 0)
        if begin < part.size:
            piece = part.read(begin, min(limit - len(data), part.size - begin))
            data += piece
            if len(piece) < part.size - begin:
                # The rest is for the next request, so that no byte is left out.
                break
        at += part.size
    return bytes(data)


def _parts(source: _Source, phase: Phase) -> Iterator[_Part]:
    """Yield what a log is made of; only its last part may still grow."""
    steps = phases_of(source.steps).steps(phase)
    attempts = [attempt for step in steps for attempt in source.attempts.get(step.pk, [])]
    yield _text(START)
    if phase is Phase.APPLY:
        # The clients drop three lines, in which they expect the version that the plan showed already.
        yield _text(f"Apply of job {source.job.pk}\n\n\n".encode())
    for attempt in attempts:
        yield _Part(attempt.waits, partial(_piece_of_waits, attempt))
        yield _Part(shown_size(attempt.size, attempt.gaps), partial(_piece_of_log, attempt))
    status = status_of(phase, source.job, source.steps)
    if status not in ENDED:
        return
    if status != "finished" and source.job.reason and _is_silent(attempts):
        yield _text(f"\n{source.job.reason}\n".encode())
    yield _text(END)


def _text(data: bytes) -> _Part:
    return _Part(len(data), lambda begin, wanted: data[begin : begin + wanted])


def _piece_of_waits(attempt: _Attempt, begin: int, wanted: int) -> bytes:
    return _waits(attempt.key)[begin : begin + wanted]


def _piece_of_log(attempt: _Attempt, begin: int, wanted: int) -> bytes:
    return read_range(attempt.key, begin, wanted, attempt.gaps)


def _is_silent(attempts: list[_Attempt]) -> bool:
    """Return whether a log does not say itself why it ends."""
    return not attempts or not attempts[-1].size or attempts[-1].outcome in _SILENT
