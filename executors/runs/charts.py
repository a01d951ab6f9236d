"""Charts of the first page as numbers for a template: jobs ended per hour, and durations."""

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
from workspaces.display import seconds
from workspaces.models import Job

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
    """The bar of one hour; ``title`` describes it in words."""

    x: int
    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class EndedJobs:
    """Jobs that ended in the last day: bars per hour, and totals."""

    bars: tuple[Bar, ...]
    most: int
    totals: dict[str, int]


@dataclass(frozen=True, slots=True)
class Durations:
    """Durations in the last day in seconds: overall, and as bars per hour (median below the 95th percentile).

    ``most`` is the value of the highest bar.
    """

    number: int
    median: float
    slowest: float
    most: float
    bars: tuple[Bar, ...]


def _first_hour() -> dt.datetime:
    """Return the start of the chart, whose last hour is the current one."""
    return timezone.now().replace(minute=0, second=0, microsecond=0) - dt.timedelta(hours=HOURS - 1)


def ended_jobs(visible: QuerySet[Job]) -> EndedJobs:
    """Count the jobs that ended in the last day, with one query."""
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
    return EndedJobs(bars, most, totals)


def _bar(index: int, hour: dt.datetime, counts: dict[str, int], most: int) -> Bar:
    parts, top = [], float(HEIGHT)
    for tone in _ORDER:
        if counts[tone]:
            height = max(counts[tone] / most * HEIGHT, 1.5)
            top -= height
            parts.append(Part(tone, round(top, 2), round(height, 2)))
    words = _("%(good)d completed, %(bad)d failed, %(quiet)d stopped") % counts
    return Bar(index, f"{hour:%H}:00 UTC: {words}", tuple(parts))


def start_durations() -> Durations | None:
    """Return durations from queueing to claim for the newest attempts, None without any."""
    since = _first_hour()
    rows = Attempt.objects.filter(claimed_at__gte=since).order_by("-created_at").values_list("created_at", "claimed_at")
    return _durations(since, rows[:_MOST_ROWS])


def job_durations(visible: QuerySet[Job]) -> Durations | None:
    """Return durations of the newest ended jobs, None without any."""
    since = _first_hour()
    rows = visible.filter(ended_at__gte=since, started_at__isnull=False).order_by("-ended_at")
    return _durations(since, rows.values_list("started_at", "ended_at")[:_MOST_ROWS])


def _percentile(spans: list[float], part: float) -> float:
    """Return the percentile ``part`` of sorted durations."""
    return spans[min(int(len(spans) * part), len(spans) - 1)]


def _durations(since: dt.datetime, rows: Iterable[tuple[dt.datetime | None, dt.datetime | None]]) -> Durations | None:
    by_hour: dict[int, list[float]] = defaultdict(list)
    for begin, end in rows:
        if begin is not None and end is not None:
            by_hour[int((end - since).total_seconds() // 3600)].append((end - begin).total_seconds())
    whole = sorted(span for spans in by_hour.values() for span in spans)
    if not whole:
        return None
    for spans in by_hour.values():
        spans.sort()
    most = max(_percentile(spans, 0.95) for spans in by_hour.values()) or 1
    bars = tuple(
        _duration_bar(index, since + dt.timedelta(hours=index), by_hour.get(index, []), most) for index in range(HOURS)
    )
    return Durations(len(whole), _percentile(whole, 0.5), _percentile(whole, 0.95), most, bars)


def _duration_bar(index: int, hour: dt.datetime, spans: list[float], most: float) -> Bar:
    if not spans:
        return Bar(index, f"{hour:%H}:00 UTC: " + _("none"), ())
    middle, slowest = _percentile(spans, 0.5), _percentile(spans, 0.95)
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
