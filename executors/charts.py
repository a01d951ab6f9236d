"""Charts of the first page, as numbers that a template draws: what ended in each hour, and how long things took."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncHour
from django.utils import timezone
from django.utils.translation import gettext as _

from executors.models import Attempt
from workspaces.choices import JobStatus
from workspaces.models import Job
from workspaces.shown import seconds

HOURS = 24
HEIGHT = 60
_KINDS = {
    JobStatus.COMPLETED: "good",
    JobStatus.NO_CHANGES: "good",
    JobStatus.FAILED: "bad",
    JobStatus.CANCELLED: "quiet",
    JobStatus.REJECTED: "quiet",
}
_ORDER = ("good", "quiet", "bad")
_MOST_ROWS = 2000


@dataclass(frozen=True, slots=True)
class Part:
    """One block of a bar, in the chart's units from its top."""

    tone: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """What ended in one hour; ``title`` says it in words."""

    x: int
    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """The jobs that ended in the last day: in bars by the hour, and in all."""

    bars: tuple[Bar, ...]
    most: int
    totals: dict[str, int]


@dataclass(frozen=True, slots=True)
class Spans:
    """How long something took in the last day, in seconds: in all, and in bars by the hour (middle below 95 %).

    ``most`` is what the highest bar stands for.
    """

    number: int
    median: float
    slowest: float
    most: float
    bars: tuple[Bar, ...]


def _first_hour() -> dt.datetime:
    """The beginning of the chart: the hour that is now is its last."""
    return timezone.now().replace(minute=0, second=0, microsecond=0) - dt.timedelta(hours=HOURS - 1)


def ended_jobs(visible: QuerySet[Job]) -> Ended:
    """Count what ended in the last day, with one query."""
    first = _first_hour()
    rows: Any = (
        visible.filter(ended_at__gte=first)
        .order_by()
        .annotate(hour=TruncHour("ended_at", tzinfo=dt.UTC))
        .values_list("hour", "status")
        .annotate(Count("pk"))
    )
    counts: dict[int, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_ORDER, 0))
    totals = dict.fromkeys(_ORDER, 0)
    for hour, status, number in rows:
        tone = _KINDS.get(JobStatus(status), "quiet")
        counts[int((hour - first).total_seconds() // 3600)][tone] += number
        totals[tone] += number
    most = max((sum(found.values()) for found in counts.values()), default=0)
    bars = tuple(_bar(index, first + dt.timedelta(hours=index), counts[index], most) for index in range(HOURS))
    return Ended(bars, most, totals)


def _bar(index: int, hour: dt.datetime, counts: dict[str, int], most: int) -> Bar:
    parts, top = [], float(HEIGHT)
    for tone in _ORDER:
        if counts[tone]:
            height = max(counts[tone] / most * HEIGHT, 1.5)
            top -= height
            parts.append(Part(tone, round(top, 2), round(height, 2)))
    words = _("%(good)d completed, %(bad)d failed, %(quiet)d stopped") % counts
    return Bar(index, f"{hour:%H}:00 UTC: {words}", tuple(parts))


def start_up() -> Spans | None:
    """From a step's being queued to its executor's first word, of the newest attempts; None when there were none."""
    since = _first_hour()
    rows = Attempt.objects.filter(claimed_at__gte=since).order_by("-created_at").values_list("created_at", "claimed_at")
    return _spans(since, rows[:_MOST_ROWS])


def durations(visible: QuerySet[Job]) -> Spans | None:
    """From the start to the end of the newest jobs that ended; None when there were none."""
    since = _first_hour()
    rows = visible.filter(ended_at__gte=since, started_at__isnull=False).order_by("-ended_at")
    return _spans(since, rows.values_list("started_at", "ended_at")[:_MOST_ROWS])


def _at(spans: list[float], part: float) -> float:
    """The span below which a part of all (sorted) lies."""
    return spans[min(int(len(spans) * part), len(spans) - 1)]


def _spans(since: dt.datetime, rows: Iterable[tuple[dt.datetime | None, dt.datetime | None]]) -> Spans | None:
    by_hour: dict[int, list[float]] = defaultdict(list)
    for begin, end in rows:
        if begin is not None and end is not None:
            by_hour[int((end - since).total_seconds() // 3600)].append((end - begin).total_seconds())
    whole = sorted(span for spans in by_hour.values() for span in spans)
    if not whole:
        return None
    for spans in by_hour.values():
        spans.sort()
    most = max(_at(spans, 0.95) for spans in by_hour.values()) or 1
    bars = tuple(
        _bar_of_spans(index, since + dt.timedelta(hours=index), by_hour.get(index, []), most) for index in range(HOURS)
    )
    return Spans(len(whole), _at(whole, 0.5), _at(whole, 0.95), most, bars)


def _bar_of_spans(index: int, hour: dt.datetime, spans: list[float], most: float) -> Bar:
    if not spans:
        return Bar(index, f"{hour:%H}:00 UTC: " + _("none"), ())
    middle, slowest = _at(spans, 0.5), _at(spans, 0.95)
    parts = []
    for tone, span in (("slow", slowest), ("middle", middle)):
        height = max(span / most * HEIGHT, 1.5)
        parts.append(Part(tone, round(HEIGHT - height, 2), round(height, 2)))
    words = _("%(middle)s median, 95 %% within %(slowest)s (%(number)d)") % {
        "middle": seconds(middle),
        "slowest": seconds(slowest),
        "number": len(spans),
    }
    return Bar(index, f"{hour:%H}:00 UTC: {words}", tuple(parts))
