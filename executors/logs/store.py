"""The stored log of an attempt: numbered by byte offset, in order, with lost bytes shown as lost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from executors.choices import ACTIVE, AttemptState
from executors.models import Attempt, LogChunk


class Gap(Exception):
    """A piece begins after the end of the stored log; ``size`` is that end."""

    def __init__(self, size: int) -> None:
        super().__init__(f"The log has {size} bytes")
        self.size = size


def _size(attempt: Attempt) -> int:
    return Attempt.objects.values_list("log_size", flat=True).get(pk=attempt.pk)


def append_log(attempt: Attempt, offset: int, data: bytes) -> int:
    """Store a piece of an attempt's log; return the size of the log after it.

    Bytes that are already stored are skipped, so a piece may be sent again. Raises Gap if earlier bytes are missing.
    """
    size = attempt.log_size
    for _ in range(3):
        if offset > size:
            size = _size(attempt)
            if offset > size:
                raise Gap(size)
        new = data[size - offset :]
        if not new:
            return size
        if _store_chunk(attempt, size, len(new), new):
            return size + len(new)
        size = _size(attempt)
    raise Gap(size)


def declare_lost(attempt: Attempt, offset: int, count: int) -> int:
    """Record that ``count`` bytes from ``offset`` on are lost; return the size of the log after them. Raises Gap."""
    size = _size(attempt)
    if offset != size:
        raise Gap(size)
    return size + count if _store_chunk(attempt, size, count, None) else _size(attempt)


def _store_chunk(attempt: Attempt, offset: int, size: int, data: bytes | None) -> bool:
    try:
        with transaction.atomic():
            now = timezone.now()
            moved = Attempt.objects.filter(pk=attempt.pk, log_size=offset, state__in=ACTIVE).update(
                log_size=F("log_size") + size, heartbeat_at=now
            )
            if moved:
                LogChunk.objects.create(attempt=attempt, offset=offset, size=size, data=data, stored_at=now)
            return bool(moved)
    except IntegrityError:
        return False


def store_whole_log(attempt: Attempt, data: bytes) -> bool:
    """Store the log of an ended attempt that sent none itself. Return False if it has one."""
    with transaction.atomic():
        mine = Attempt.objects.filter(pk=attempt.pk, log_size=0, state=AttemptState.ENDED)
        if not mine.update(log_size=len(data)):
            return False
        LogChunk.objects.create(attempt=attempt, offset=0, size=len(data), data=data)
    attempt.log_size = len(data)
    return True


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a log from ``offset`` to ``end``."""

    offset: int
    end: int
    data: bytes


def lost_note(count: int) -> bytes:
    return f"\n[{count} bytes of the log were lost]\n".encode()


def read_log(attempt: Attempt, start: int = 0, *, limit: int = 2**20) -> Piece:
    """Read about ``limit`` bytes of a log from ``start`` on, in whole chunks except for the start of the first.

    A note stands in place of lost bytes; ``end`` counts them all the same.
    """
    data, end = bytearray(), start
    chunks: Iterator[LogChunk] = (
        attempt.log_chunks.filter(offset__gt=start - MAX_CHUNK, offset__lt=start + limit).order_by("offset").iterator()
    )
    for chunk in chunks:
        if chunk.offset + chunk.size <= start:
            continue
        data += bytes(chunk.data)[max(start - chunk.offset, 0) :] if chunk.data is not None else lost_note(chunk.size)
        end = chunk.offset + chunk.size
        if len(data) >= limit:
            break
    return Piece(start, end, bytes(data))


def timed_chunks(attempt_id: UUID, start: int, *, limit: int) -> list[tuple[int, bytes, dt.datetime | None]]:
    """Read a log's chunks from the chunk boundary ``start`` on, until they have ``limit`` bytes or more.

    Each is its end, its bytes (none where they are lost), and when it arrived.
    """
    chunks = LogChunk.objects.filter(attempt=attempt_id, offset__gte=start, offset__lt=start + limit).order_by("offset")
    return [(one.offset + one.size, bytes(one.data or b""), one.stored_at) for one in chunks]


def pieces(attempt: Attempt, start: int = 0, *, limit: int = 2**20) -> Iterator[Piece]:
    """Read a log from ``start`` to the end that it has by then, in pieces of about ``limit`` bytes."""
    while (piece := read_log(attempt, start, limit=limit)).end > start:
        yield piece
        start = piece.end


MAX_CHUNK = 2**20
"""Maximum size of an accepted piece in bytes; the row of a gap may stand for more, and begins at its own offset."""
