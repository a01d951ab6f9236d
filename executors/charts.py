"""Charts of the first page, as numbers that a template draws: what ended in each hour, and how quickly steps start."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncHour
from django.utils import timezone

from executors.models import Attempt
from workspaces.choices import JobStatus
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
_MOST_ATTEMPTS = 2000


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
class StartUp:
    """How long steps took from being queued to their executor's first word, in seconds."""

    number: int
    median: float
    slowest: float


def ended_jobs(visible: QuerySet[Job]) -> Ended:
    """Count what ended in the last day, with one query."""
    now = timezone.now()
    first = now.replace(minute=0, second=0, microsecond=0) - dt.timedelta(hours=HOURS - 1)
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
    words = f"{counts['good']} completed, {counts['bad']} failed, {counts['quiet']} stopped"
    return Bar(index, f"{hour:%H}:00 UTC: {words}", tuple(parts))


def start_up() -> StartUp | None:
    """The start-up times of the newest attempts of the last day; None when there were none."""
    since = timezone.now() - dt.timedelta(hours=HOURS)
    rows = Attempt.objects.filter(claimed_at__gte=since).order_by("-created_at").values_list("created_at", "claimed_at")
    spans = sorted(
        (claimed - created).total_seconds() for created, claimed in rows[:_MOST_ATTEMPTS] if claimed is not None
    )
    if not spans:
        return None
    return StartUp(len(spans), spans[len(spans) // 2], spans[min(int(len(spans) * 0.95), len(spans) - 1)])
