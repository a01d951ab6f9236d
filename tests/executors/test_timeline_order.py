"""The timeline of an attempt where the cluster gives whole seconds."""

from __future__ import annotations

import datetime as dt

from executors.choices import EventKind
from executors.models import AttemptEvent
from executors.runs.view_model import in_true_order

NOON = dt.datetime(2027, 1, 1, 12, tzinfo=dt.UTC)


def ordered(**at: float) -> list[tuple[str, float]]:
    events = [
        AttemptEvent(pk=number, kind=EventKind[name], at=NOON + dt.timedelta(seconds=seconds))
        for number, (name, seconds) in enumerate(at.items())
    ]
    events.sort(key=lambda event: event.at)
    return [(event.kind, (moment - NOON).total_seconds()) for moment, event in in_true_order(events)]


def test_what_the_cluster_cuts_to_a_second_follows_what_it_came_from() -> None:
    found = ordered(STARTED=1, IMAGE=1, SCHEDULED=0, CLAIMED=1.7, LAUNCHED=0.6, CREATED=0.2)
    assert found == [
        ("created", 0.2),
        ("launched", 0.6),
        ("scheduled", 0.6),
        ("image", 1),
        ("started", 1),
        ("claimed", 1.7),
    ]


def test_times_that_no_rounding_explains_stay_as_they_are() -> None:
    assert ordered(SCHEDULED=0, LAUNCHED=1.5, PHASE=0.4) == [("scheduled", 0), ("phase", 0.4), ("launched", 1.5)]
