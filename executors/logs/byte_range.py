"""Ranges of a log as it is shown, by the byte: a note stands in place of lost bytes, and counts with its own length.

For clients that count the bytes that they were given.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db.models import F

from executors.logs.store import MAX_CHUNK, lost_note
from executors.models import LogChunk

type Gaps = Sequence[tuple[int, int]]
"""(offset, size) of each run of lost bytes, in order."""


def gaps_of(attempt_id: UUID) -> Gaps:
    """Return the lost bytes of an attempt's log."""
    rows = LogChunk.objects.filter(attempt=attempt_id, data__isnull=True).order_by("offset")
    return list(rows.values_list("offset", "size"))


def shown_size(stored: int, gaps: Gaps) -> int:
    """Return how long a stored log is when it is shown."""
    return stored + sum(len(lost_note(size)) - size for _offset, size in gaps)


def read_range(attempt_id: UUID, start: int, limit: int, gaps: Gaps = ()) -> bytes:
    """Return at most ``limit`` bytes of the shown log from ``start`` on; empty only at its end."""
    stored, skipped = _stored_position(start, gaps)
    rows = LogChunk.objects.filter(attempt=attempt_id, offset__gt=stored - MAX_CHUNK, offset__lt=stored + limit)
    # What lies before is not even fetched: a log is asked for twice in a second.
    rows = rows.alias(end=F("offset") + F("size")).filter(end__gt=stored).order_by("offset")
    data = bytearray()
    for chunk in rows.iterator(chunk_size=100):
        if chunk.data is None:
            data += lost_note(chunk.size)[skipped:]
        else:
            data += bytes(chunk.data)[max(stored - chunk.offset, 0) :]
        skipped = 0
        if len(data) >= limit:
            break
    return bytes(data[:limit])


def _stored_position(start: int, gaps: Gaps) -> tuple[int, int]:
    """Return the stored offset of a shown one; within a note, that of its gap and the bytes of the note before."""
    shift = 0
    for offset, size in gaps:
        note = len(lost_note(size))
        if start < offset + shift:
            break
        if start < offset + shift + note:
            return offset, start - offset - shift
        shift += note - size
    return start - shift, 0
