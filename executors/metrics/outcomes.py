"""What an attempt tells when it is over: how it ended, and where the time of its start went."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from executors.choices import EventKind
from executors.metrics import traces
from executors.models import Attempt
from terrakube_site.metrics import catalogue, tally

_PHASES = (
    ("launch", EventKind.LAUNCHED),
    ("schedule", EventKind.SCHEDULED),
    ("image", EventKind.IMAGE),
    ("start", EventKind.STARTED),
    ("claim", EventKind.CLAIMED),
)
"""A phase, and what ends it. Without the right to see pods the middle ones are not known, and count to the claim."""


def tell(attempt: Attempt) -> None:
    """Count and trace an attempt of which nothing is left; called once for each."""
    count(attempt)
    traces.tell(attempt)


def count(attempt: Attempt) -> None:
    """Count an attempt of which nothing is left."""
    tally.count(
        catalogue.ATTEMPTS_ENDED,
        executor=attempt.executor,
        outcome=attempt.outcome,
        reason=catalogue.bounded(attempt.reason_code),
    )
    if attempt.claimed_at is None:
        return
    queued_at = attempt.step.queued_at or attempt.created_at
    tally.observe(catalogue.QUEUED_TO_CLAIMED, _seconds(queued_at, attempt.claimed_at), executor=attempt.executor)
    events = attempt.events.filter(kind__in=[kind for _, kind in _PHASES]).values_list("kind", "at")
    for phase, seconds in phases(attempt.created_at, list(events)):
        tally.observe(catalogue.START_PHASES, seconds, executor=attempt.executor, phase=phase)
    if attempt.ended_at is not None:
        tally.observe(catalogue.STEP_SECONDS, _seconds(attempt.claimed_at, attempt.ended_at), type=attempt.step.type)


def phases(begin: dt.datetime, events: Sequence[tuple[str, dt.datetime]]) -> Iterator[tuple[str, float]]:
    """The phases of a start and their seconds, of (kind, time) pairs in any order.

    The cluster's times are whole seconds by another clock, so an end before its beginning counts as none.
    """
    ends: dict[str, dt.datetime] = {}
    for kind, at in events:
        ends.setdefault(kind, at)
    for phase, kind in _PHASES:
        if kind in ends:
            yield phase, _seconds(begin, ends[kind])
            begin = max(begin, ends[kind])


def _seconds(begin: dt.datetime, end: dt.datetime) -> float:
    return max(0.0, (end - begin).total_seconds())
