"""Say a cron expression in the reader's language: "At 02:00, Monday to Friday". Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.utils.dates import MONTHS, WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from workspaces import cron
from workspaces.cron import Cron

MOST_TIMES = 6
"""Times of a day that are listed one by one; more are told by their hours and minutes."""


def in_words(expression: Cron) -> str:
    """Return what an expression means, as one sentence without its full stop."""
    parts = [_times(expression), _days(expression), _months(expression), _years(expression)]
    text = ", ".join(part for part in parts if part)
    return text[:1].upper() + text[1:]


def words_of(text: str) -> str:
    """Return what an expression means; the text itself where it is none."""
    try:
        return in_words(cron.parse(text))
    except cron.CronError:
        return text


# ---- times of the day -----------------------------------------------------------------------------------------------


def _times(expression: Cron) -> str:
    hours, minutes, seconds = expression.hours, expression.minutes, expression.seconds
    if len(hours) * len(minutes) * len(seconds) <= MOST_TIMES:
        shows_seconds = seconds != (0,)
        clock = [
            f"{hour:02}:{minute:02}" + (f":{second:02}" if shows_seconds else "")
            for hour in hours
            for minute in minutes
            for second in seconds
        ]
        return _("at %(times)s") % {"times": _listed(clock)}
    parts = [_seconds(seconds), _minutes(minutes, hours, has_seconds=seconds != (0,)), _hours(hours, minutes)]
    return ", ".join(part for part in parts if part)


def _seconds(seconds: Sequence[int]) -> str:
    if seconds == (0,):
        return ""
    step = _step(seconds, 60)
    if step == 1:
        return _("every second")
    if step:
        return _("every %(number)d seconds") % {"number": step}
    numbers = _listed([str(second) for second in seconds])
    return ngettext("at second %(numbers)s", "at seconds %(numbers)s", len(seconds)) % {"numbers": numbers}


def _minutes(minutes: Sequence[int], hours: Sequence[int], *, has_seconds: bool) -> str:
    step = _step(minutes, 60)
    if step == 1:
        # Seconds that are named already belong to every minute.
        return "" if has_seconds else _("every minute")
    if step:
        return _("every %(number)d minutes") % {"number": step}
    if minutes == (0,) and not has_seconds:
        every = _step(hours, 24)
        if every > 1:
            return _("every %(number)d hours") % {"number": every}
        return _("every hour")
    numbers = _listed([str(minute) for minute in minutes])
    return ngettext("at minute %(numbers)s of the hour", "at minutes %(numbers)s of the hour", len(minutes)) % {
        "numbers": numbers
    }


def _hours(hours: Sequence[int], minutes: Sequence[int]) -> str:
    every = _step(hours, 24)
    if every == 1 or (every and minutes == (0,)):
        return ""
    if every:
        return _("every %(number)d hours") % {"number": every}
    if _is_run(hours):
        return _("from %(first)s to %(last)s") % {
            "first": f"{hours[0]:02}:{minutes[0]:02}",
            "last": f"{hours[-1]:02}:{minutes[-1]:02}",
        }
    return _("in the hours %(hours)s") % {"hours": _listed([str(hour) for hour in hours])}


# ---- days -----------------------------------------------------------------------------------------------------------


def _days(expression: Cron) -> str:
    of_month, of_week = _days_of_month(expression), _days_of_week(expression)
    if not of_month and not of_week:
        return _("every day")
    if not of_month or not of_week:
        return of_month or of_week
    form = _("%(days)s, and also %(weekdays)s") if expression.either_day else _("%(days)s, but only %(weekdays)s")
    return form % {"days": of_month, "weekdays": of_week}


def _days_of_month(expression: Cron) -> str:
    parts = []
    if expression.days is not None:
        numbers = sorted(expression.days)
        shown = _spans(numbers, [str(number) for number in numbers])
        parts.append(
            ngettext("on day %(numbers)s of the month", "on days %(numbers)s of the month", len(numbers))
            % {"numbers": shown}
        )
    parts += [_day_mark(mark) for mark in expression.day_marks]
    return _listed(parts)


def _day_mark(mark: str) -> str:
    if mark == "L":
        return _("on the last day of the month")
    if mark == "LW":
        return _("on the last working day of the month")
    if mark.startswith("L-"):
        number = int(mark[2:])
        return ngettext(
            "%(number)d day before the last of the month", "%(number)d days before the last of the month", number
        ) % {"number": number}
    return _("on the working day nearest to day %(number)s of the month") % {"number": mark[:-1]}


def _days_of_week(expression: Cron) -> str:
    parts = []
    if expression.weekdays is not None:
        # From Monday on, as calendars here have it, where Quartz begins with Sunday.
        numbers = sorted((number - 2) % 7 for number in expression.weekdays)
        if len(numbers) == 7:
            return ""
        names = [str(WEEKDAYS[number]) for number in numbers]
        if len(numbers) > 2 and _is_run(numbers):
            parts.append(_spans(numbers, names))
        else:
            parts.append(_("on %(weekdays)s") % {"weekdays": _listed(names)})
    parts += [_weekday_mark(mark) for mark in expression.weekday_marks]
    return _listed(parts)


def _weekday_mark(mark: str) -> str:
    weekday = str(WEEKDAYS[(int(mark[0]) - 2) % 7])
    if mark.endswith("L"):
        return _("on the last %(weekday)s of the month") % {"weekday": weekday}
    forms = (
        _("on the first %(weekday)s of the month"),
        _("on the second %(weekday)s of the month"),
        _("on the third %(weekday)s of the month"),
        _("on the fourth %(weekday)s of the month"),
        _("on the fifth %(weekday)s of the month"),
    )
    return forms[int(mark[2]) - 1] % {"weekday": weekday}


# ---- months and years -----------------------------------------------------------------------------------------------


def _months(expression: Cron) -> str:
    if len(expression.months) == 12:
        return ""
    numbers = sorted(expression.months)
    return _("in %(months)s") % {"months": _spans(numbers, [str(MONTHS[number]) for number in numbers])}


def _years(expression: Cron) -> str:
    if expression.years is None:
        return ""
    numbers = sorted(expression.years)
    return _("in %(years)s") % {"years": _spans(numbers, [str(number) for number in numbers])}


# ---- lists ----------------------------------------------------------------------------------------------------------


def _step(numbers: Collection[int], size: int) -> int:
    """Return the step of numbers that divide 0 to ``size`` evenly; 0 where they do not, 1 for all of them."""
    step = size // len(numbers)
    return step if len(numbers) > 1 and tuple(numbers) == tuple(range(0, size, step)) else 0


def _is_run(numbers: Sequence[int]) -> bool:
    return len(numbers) > 1 and numbers[-1] - numbers[0] == len(numbers) - 1


def _spans(numbers: Sequence[int], names: Sequence[str]) -> str:
    """List names, three or more in a row as "a to b"."""
    parts: list[str] = []
    first = 0
    for last in range(len(numbers)):
        if last + 1 < len(numbers) and numbers[last + 1] == numbers[last] + 1:
            continue
        if last - first >= 2:
            parts.append(pgettext("a span", "%(first)s to %(last)s") % {"first": names[first], "last": names[last]})
        else:
            parts += names[first : last + 1]
        first = last + 1
    return _listed(parts)


def _listed(parts: Sequence[str]) -> str:
    """Join as "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return _("%(names)s and %(last)s") % {"names": ", ".join(parts[:-1]), "last": parts[-1]}
