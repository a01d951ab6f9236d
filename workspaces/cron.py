"""Parse cron expressions, with five fields as in crontab or six as in Quartz, and compute their next times. Pure.

    minutes hours day-of-month month day-of-week
    seconds minutes hours day-of-month month day-of-week [year]

Each field is ``*``, a number, a range ``a-b``, a step ``*/n``, ``a/n`` or ``a-b/n``, or a comma list of these; months
and weekdays have names too (``JAN``, ``MON``). Weekdays count from 1, Sunday; in five fields from 0, Sunday, and 7 is
Sunday too. Of the two day fields one is ``?``, or ``*``; in five fields a day is due when either matches. ``L`` is the
month's last day; ``6L`` or ``FRIL`` the last Friday; ``6#3`` the third; ``15W`` the working day nearest to the 15th.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_MONTHS = {"JAN": 1, "FEB": 2, "MAR": 3, "APR": 4, "MAY": 5, "JUN": 6}
_MONTHS |= {"JUL": 7, "AUG": 8, "SEP": 9, "OCT": 10, "NOV": 11, "DEC": 12}
_WEEKDAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("seconds", 0, 59, {}),
    ("minutes", 0, 59, {}),
    ("hours", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("weekday", 1, 7, _WEEKDAYS),
    ("year", 1970, 2199, {}),
)
_GRAMMAR = (
    "minutes hours day-of-month month day-of-week, for example 30 6 * * 1-5, or with seconds first and perhaps a year "
    "last, for example 0 0 20 ? * FRI"
)


class CronError(Exception):
    """Text that is no cron expression; the message names the field and the grammar."""


@dataclass(frozen=True, slots=True)
class Cron:
    """When something is due. ``day`` and ``weekday`` hold plain numbers; what depends on the month is in the marks."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int] | None
    months: frozenset[int]
    weekdays: frozenset[int] | None
    years: frozenset[int] | None
    day_marks: tuple[str, ...] = ()
    weekday_marks: tuple[str, ...] = ()
    either_day: bool = False
    """Whether a day is due when one of the two day fields matches, as crontab has it, and not only when both do."""

    def next_after(self, moment: dt.datetime, zone: dt.tzinfo = dt.UTC) -> dt.datetime | None:
        """Return the first time after a moment, to the second, in UTC; None when none comes in the next hundred years.

        The fields are the clock's in the zone. A time that the clock shows twice is due at the first, and one that it
        skips when it jumps, so a night in which the clocks change starts nothing twice and leaves nothing out.
        """
        moment = moment.astimezone(dt.UTC).replace(microsecond=0)
        start = moment.astimezone(zone).replace(tzinfo=None) + dt.timedelta(seconds=1)
        # A clock that jumps over `start` has shown earlier times at the same moment.
        for day in self._due_days(start.date()):
            for time in self._times(start.time() if day == start.date() else dt.time()):
                due = _instant(dt.datetime.combine(day, time), zone)
                if due > moment:
                    return due
        return None

    def is_due_between(self, first: dt.datetime, end: dt.datetime) -> bool:
        """Return whether a clock is due from one of its times up to another, both without a zone."""
        for day in self._due_days(first.date()):
            if day > end.date():
                return False
            for time in self._times(first.time() if day == first.date() else dt.time()):
                return dt.datetime.combine(day, time) < end
        return False

    def _due_days(self, first: dt.date) -> Iterator[dt.date]:
        for year in range(first.year, min(first.year + 100, 2199) + 1):
            if self.years is not None and year not in self.years:
                continue
            for month in sorted(self.months):
                if (year, month) < (first.year, first.month):
                    continue
                for number in sorted(self._days_of(year, month)):
                    day = dt.date(year, month, number)
                    if day >= first:
                        yield day

    def _days_of(self, year: int, month: int) -> set[int]:
        first_weekday, length = calendar.monthrange(year, month)
        everyday = set(range(1, length + 1))
        # calendar counts weekdays from 0, Monday; Quartz from 1, Sunday.
        weekday_of = {day: (first_weekday + day) % 7 + 1 for day in everyday}
        found = everyday if self.days is None and not self.day_marks else everyday & (self.days or frozenset())
        for mark in self.day_marks:
            found |= _days_by_mark(mark, weekday_of)
        if self.weekdays is None and not self.weekday_marks:
            return found
        wanted = {day for day in everyday if weekday_of[day] in (self.weekdays or ())}
        for mark in self.weekday_marks:
            wanted |= _weekdays_by_mark(mark, weekday_of)
        restricts_both = self.days is not None or bool(self.day_marks)
        return found | wanted if self.either_day and restricts_both else found & wanted

    def _times(self, first: dt.time) -> Iterator[dt.time]:
        for hour in self.hours:
            for minute in self.minutes:
                if (hour, minute) < (first.hour, first.minute):
                    continue
                for second in self.seconds:
                    time = dt.time(hour, minute, second)
                    if time >= first:
                        yield time


def _instant(wall: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    """Return when a zone's clock first shows a time, in UTC; the moment of the jump where it never does."""
    found = wall.replace(tzinfo=zone).astimezone(dt.UTC)
    if found.astimezone(zone).replace(tzinfo=None) == wall:
        return found
    # The two readings of a skipped time lie on either side of the jump.
    low, high = sorted(wall.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (0, 1))
    before = low.astimezone(zone).utcoffset()
    while high - low > dt.timedelta(seconds=1):
        middle = low + (high - low) // 2
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def _days_by_mark(mark: str, weekday_of: dict[int, int]) -> set[int]:
    last = len(weekday_of)
    if mark == "L":
        return {last}
    if mark.startswith("L-"):
        return {last - int(mark[2:])} & weekday_of.keys()
    wanted = last if mark == "LW" else int(mark[:-1])
    if wanted > last:
        return set()
    if weekday_of[wanted] == 7:  # Saturday: the Friday before, unless that is in another month
        return {wanted - 1 if wanted > 1 else wanted + 2}
    if weekday_of[wanted] == 1:  # Sunday: the Monday after
        return {wanted + 1 if wanted < last else wanted - 2}
    return {wanted}


def _weekdays_by_mark(mark: str, weekday_of: dict[int, int]) -> set[int]:
    if mark.endswith("L"):
        return {max(day for day, weekday in weekday_of.items() if weekday == int(mark[:-1]))}
    weekday, _, number = mark.partition("#")
    days = sorted(day for day, found in weekday_of.items() if found == int(weekday))
    return set(days[int(number) - 1 : int(number)])


# ---- reading --------------------------------------------------------------------------------------------------------


def parse(text: str) -> Cron:
    """The times of an expression. Raises CronError."""
    parts = text.split()
    if len(parts) not in {5, 6, 7}:
        raise CronError(f"{text!r} is no cron expression: {_GRAMMAR}")
    is_crontab = len(parts) == 5
    if is_crontab:
        # 7 is Sunday once more, so a range up to it would begin and end on the same day.
        weekday = re.sub(r"\b0-7\b", "0-6", parts[4])
        parts = ["0", *parts[:4], re.sub(r"(?<![/#\w])\d+", _quartz_weekday, weekday)]
    day_text, weekday_text = parts[3], parts[5].upper()
    if day_text == "?" and weekday_text == "?":
        raise CronError(f"Only one of the two day fields of {text!r} can be ?: {_GRAMMAR}")
    days, day_marks = _marked(day_text.upper(), 3, r"L(-\d{1,2})?|LW|\d{1,2}W")
    weekdays, weekday_marks = _marked(weekday_text, 5, r"(\d|[A-Z]{3})L|(\d|[A-Z]{3})#[1-5]|L")
    # A bare L among weekdays is Saturday, the week's last day.
    if "L" in weekday_marks:
        weekday_marks = tuple(mark for mark in weekday_marks if mark != "L")
        weekdays = (weekdays or frozenset()) | {7}
    return Cron(
        tuple(sorted(_numbers(parts[0], 0))),
        tuple(sorted(_numbers(parts[1], 1))),
        tuple(sorted(_numbers(parts[2], 2))),
        days,
        _numbers(parts[4].upper(), 4),
        weekdays,
        _numbers(parts[6], 6) if len(parts) == 7 and parts[6] != "*" else None,
        day_marks,
        weekday_marks,
        is_crontab,
    )


def _quartz_weekday(number: re.Match[str]) -> str:
    """Return Quartz's number of a weekday that crontab counts from 0; what is none stays wrong."""
    return str(int(number[0]) % 7 + 1) if int(number[0]) <= 7 else number[0]


def _marked(text: str, index: int, pattern: str) -> tuple[frozenset[int] | None, tuple[str, ...]]:
    """The plain numbers of a day field and its marks; None for every day."""
    if text in {"*", "?"}:
        return None, ()
    marks: list[str] = []
    plain: list[str] = []
    for part in text.split(","):
        (marks if re.fullmatch(pattern, part) else plain).append(part)
    numbers = _numbers(",".join(plain), index) if plain else None
    return numbers, tuple(_with_number(mark, index) for mark in marks)


def _with_number(mark: str, index: int) -> str:
    name, low, high, names = _FIELDS[index]
    match = re.match(r"[A-Z]{3}|\d+", mark)
    if match is None:
        return mark
    number = names.get(match[0], int(match[0]) if match[0].isdigit() else 0)
    if not low <= number <= high:
        raise CronError(f"{mark!r} is no {name}: {low} to {high}")
    return f"{number}{mark[match.end() :]}"


def _numbers(text: str, index: int) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        found |= set(_range(part, index))
    return frozenset(found)


def _range(part: str, index: int) -> Sequence[int]:
    name, low, high, names = _FIELDS[index]
    wrong = CronError(f"{part!r} is no {name}: *, a number from {low} to {high}, a-b, or one of these with /step")
    body, slash, step_text = part.partition("/")
    if slash and not re.fullmatch(r"[1-9]\d{0,3}", step_text):
        raise wrong
    step = int(step_text) if slash else 1
    if body == "*":
        return range(low, high + 1, step)
    start_text, dash, end_text = body.partition("-")
    numbers = []
    for text in (start_text, end_text) if dash else (start_text,):
        number = names.get(text, int(text) if re.fullmatch(r"\d{1,4}", text) else -1)
        if not low <= number <= high:
            raise wrong
        numbers.append(number)
    start, end = numbers[0], numbers[1] if dash else (high if slash else numbers[0])
    if start > end:
        # A range that wraps, as FRI-MON or 22-2, goes on at the beginning.
        return [*range(start, high + 1, step), *range(low, end + 1, step)]
    return range(start, end + 1, step)
