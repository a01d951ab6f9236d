"""Append log lines of Terrakube's executor to the log of its attempt: each once, and masked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.db import transaction

from executors.attempts.handover import sensitive_texts
from executors.contract.masking import Masker
from executors.logs import store
from executors.models import Attempt, LogCursor


@dataclass(frozen=True, slots=True)
class Line:
    """One line; ``number`` counts from 1 within its step, None if it is not numbered."""

    number: int | None
    text: str


def _add(ranges: list[list[int]], number: int) -> bool:
    """Add a number to sorted ranges; return False if they contain it. Most numbers follow the last one."""
    for at in range(len(ranges) - 1, -1, -1):
        first, last = ranges[at]
        if first <= number <= last:
            return False
        if number == last + 1:
            ranges[at][1] = number
            if at + 1 < len(ranges) and ranges[at + 1][0] == number + 1:
                ranges[at][1] = ranges.pop(at + 1)[1]
            return True
        if number > last:
            if at + 1 < len(ranges) and ranges[at + 1][0] == number + 1:
                ranges[at + 1][0] = number
            else:
                ranges.insert(at + 1, [number, number])
            return True
    if ranges and ranges[0][0] == number + 1:
        ranges[0][0] = number
    else:
        ranges.insert(0, [number, number])
    return True


def _mask(data: bytes, sensitive: Iterable[str]) -> bytes:
    masker = Masker(sensitive)
    return masker.feed(data) + masker.finish()


def _append(attempt: Attempt, data: bytes, sensitive: Iterable[str]) -> int:
    size: int = Attempt.objects.values_list("log_size", flat=True).get(pk=attempt.pk)
    data = _mask(data, sensitive)
    for at in range(0, len(data), store.MAX_CHUNK):
        piece = data[at : at + store.MAX_CHUNK]
        kept = store.append_log(attempt, size, piece)
        size = kept
    attempt.log_size = size
    return size


def _text(lines: Iterable[Line]) -> bytes:
    return "".join(f"{line.text}\n" for line in lines).encode(errors="replace")


def _cursor(attempt: Attempt) -> LogCursor:
    """Lock and return the attempt's cursor: two readers take turns."""
    LogCursor.objects.get_or_create(attempt=attempt)
    return LogCursor.objects.select_for_update().get(pk=attempt.pk)


def fold_entries(
    attempt: Attempt, after: str, last: str, lines: Iterable[Line], *, sensitive: Iterable[str] | None = None
) -> bool:
    """Append entries of a stream from ``after`` to ``last``, and move the cursor.

    Return False without a change if another reader has moved the cursor from ``after`` in the meantime.
    """
    texts = sensitive_texts(attempt) if sensitive is None else sensitive
    with transaction.atomic():
        cursor = _cursor(attempt)
        if cursor.stream_id != after:
            return False
        data = _text(lines)
        if data:
            _append(attempt, data, texts)
        cursor.stream_id = last
        cursor.save(update_fields=["stream_id"])
    return True


def fold_lines(attempt: Attempt, lines: Iterable[Line]) -> None:
    """Append the lines of a batch that are not stored yet, in the order of their numbers.

    A batch whose answer was lost is sent again, and delayed lines may come after later ones.
    """
    texts = sensitive_texts(attempt)
    with transaction.atomic():
        cursor = _cursor(attempt)
        numbers: list[list[int]] = cursor.line_numbers
        ordered = sorted(lines, key=lambda line: line.number or 0)
        new = [line for line in ordered if line.number is None or _add(numbers, line.number)]
        if new:
            _append(attempt, _text(new), texts)
            cursor.save(update_fields=["line_numbers"])


def masked_log(attempt: Attempt, data: bytes) -> bytes:
    """Return a whole log with the step's sensitive variables masked."""
    return _mask(data, sensitive_texts(attempt))


def fold_whole(attempt: Attempt, load: Callable[[], bytes | None]) -> None:
    """Store a log from the object storage for an attempt without one; ``load`` is called only then."""
    size = Attempt.objects.values_list("log_size", flat=True).get(pk=attempt.pk)
    data = load() if size == 0 else None
    if data:
        _append(attempt, data, sensitive_texts(attempt))
