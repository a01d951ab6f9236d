"""Find the changes of a zone's clock that meet a schedule, and say what then happens to its jobs. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from workspaces.cron import Cron

DAYS_AHEAD = 366


@dataclass(frozen=True, slots=True)
class ClockChange:
    """A moment at which a zone's clock is set; ``before`` and ``after`` are what it shows then, without a zone."""

    at: dt.datetime
    before: dt.datetime
    after: dt.datetime

    @property
    def is_forward(self) -> bool:
        """Whether times are skipped; otherwise they come twice."""
        return self.after > self.before

    def __str__(self) -> str:
        words = {
            "day": date_format(self.before, "D Y-m-d"),
            "before": f"{self.before:%H:%M}",
            "after": f"{self.after:%H:%M}",
        }
        if self.is_forward:
            text = _(
                "%(day)s: the clock jumps from %(before)s to %(after)s. A time in between does not exist; its job "
                "starts at %(after)s, only once."
            )
        else:
            text = _(
                "%(day)s: the clock goes back from %(before)s to %(after)s. A time in between comes twice; its job "
                "starts the first time only."
            )
        return text % words


def changes_that_meet(expression: Cron, zone: dt.tzinfo, now: dt.datetime) -> list[ClockChange]:
    """Return the clock's changes of the next year between whose times the expression is due."""
    found = []
    for change in _changes(zone, now):
        low, high = sorted((change.before, change.after))
        if expression.is_due_between(low, high):
            found.append(change)
    return found


def _changes(zone: dt.tzinfo, now: dt.datetime) -> Iterator[ClockChange]:
    low = now.astimezone(dt.UTC).replace(microsecond=0)
    for _day in range(DAYS_AHEAD):
        high = low + dt.timedelta(days=1)
        if _offset(low, zone) != _offset(high, zone):
            at = _moment_of_change(low, high, zone)
            yield ClockChange(at, _shown(at, _offset(low, zone)), _shown(at, _offset(high, zone)))
        low = high


def _moment_of_change(low: dt.datetime, high: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    before = _offset(low, zone)
    while high - low > dt.timedelta(seconds=1):
        middle = (low + (high - low) // 2).replace(microsecond=0)
        if _offset(middle, zone) == before:
            low = middle
        else:
            high = middle
    return high


def _offset(moment: dt.datetime, zone: dt.tzinfo) -> dt.timedelta:
    return moment.astimezone(zone).utcoffset() or dt.timedelta()


def _shown(moment: dt.datetime, offset: dt.timedelta) -> dt.datetime:
    return (moment + offset).replace(tzinfo=None)
