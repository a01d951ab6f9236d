"""Metrics of an ended attempt: its outcome, and the phases of its start."""

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
"""A phase, and the event that ends it. Without permission to read pods the middle ones are unknown and count as
claim.
"""


def publish_outcome(attempt: Attempt) -> None:
    """Count and trace a cleaned-up attempt; called once for each."""
    count_outcome(attempt)
    traces.send_trace(attempt)


def count_outcome(attempt: Attempt) -> None:
    """Count a cleaned-up attempt."""
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
    for phase, seconds in start_phases(attempt.created_at, list(events)):
        tally.observe(catalogue.START_PHASES, seconds, executor=attempt.executor, phase=phase)
    if attempt.ended_at is not None:
        tally.observe(catalogue.STEP_SECONDS, _seconds(attempt.claimed_at, attempt.ended_at), type=attempt.step.type)


def start_phases(begin: dt.datetime, events: Sequence[tuple[str, dt.datetime]]) -> Iterator[tuple[str, float]]:
    """Yield the phases of a start with their seconds, from (kind, time) pairs in any order.

    The cluster's times are whole seconds of another clock, so a negative duration counts as zero.
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
