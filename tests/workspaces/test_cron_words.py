"""Cron expressions in words, and what a schedule does when the clocks change."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from workspaces import cron
from workspaces.cron_words import in_words, words_of
from workspaces.jobs.clock_changes import changes_that_meet

BERLIN = ZoneInfo("Europe/Berlin")
NOW = dt.datetime(2026, 12, 1, 12, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 2 * * *", "At 02:00, every day"),
        ("30 6 * * 1-5", "At 06:30, Monday to Friday"),
        ("0 30 6 ? * MON-FRI", "At 06:30, Monday to Friday"),
        ("0 8,18 * * 0,6", "At 08:00 and 18:00, on Saturday and Sunday"),
        ("*/15 * * * *", "Every 15 minutes, every day"),
        ("0 0/15 8-17 ? * MON-FRI", "Every 15 minutes, from 08:00 to 17:45, Monday to Friday"),
        ("7 * * * *", "At minute 7 of the hour, every day"),
        ("0 */2 * * *", "Every 2 hours, every day"),
        ("15 30 20 * * ?", "At 20:30:15, every day"),
        ("0 0 0 L * ?", "At 00:00, on the last day of the month"),
        ("0 0 0 ? * 6L", "At 00:00, on the last Friday of the month"),
        ("0 0 0 ? * 2#1", "At 00:00, on the first Monday of the month"),
        ("0 0 0 15W 11 ?", "At 00:00, on the working day nearest to day 15 of the month, in November"),
        ("0 0 0 1 1 ? 2030", "At 00:00, on day 1 of the month, in January, in 2030"),
        ("0 1 1-3,15 6-8 *", "At 01:00, on days 1 to 3 and 15 of the month, in June to August"),
        # With five fields either day field counts, with six both do.
        ("0 0 28 * 1", "At 00:00, on day 28 of the month, and also on Monday"),
        ("0 0 0 28 * MON", "At 00:00, on day 28 of the month, but only on Monday"),
    ],
)
def test_an_expression_is_told_in_words(text: str, words: str) -> None:
    with override("en"):
        assert in_words(cron.parse(text)) == words


@pytest.mark.usefixtures("catalogues")
@pytest.mark.parametrize(
    ("language", "weekdays", "last"),
    [
        ("de", "Um 06:30 Uhr, Montag bis Freitag", "Um 00:00 Uhr, am letzten Freitag des Monats"),
        ("es", "A las 06:30, lunes a viernes", "A las 00:00, el último viernes del mes"),
    ],
)
def test_an_expression_is_told_in_the_readers_language(language: str, weekdays: str, last: str) -> None:
    with override(language):
        assert words_of("30 6 * * 1-5") == weekdays
        assert words_of("0 0 0 ? * 6L") == last
        assert words_of("every day") == "every day"


PARTS = ("0", "1", "*", "*/5", "1-3", "1,4", "?", "L", "LW", "3W", "2#2", "6L", "MON-WED", "2030")


@given(st.lists(st.sampled_from(PARTS), min_size=5, max_size=7))
def test_whatever_is_an_expression_has_words(parts: list[str]) -> None:
    try:
        expression = cron.parse(" ".join(parts))
    except cron.CronError:
        return
    words = in_words(expression)
    assert words[0].isupper()
    assert "%" not in words


def told(text: str, zone: ZoneInfo = BERLIN) -> list[str]:
    with override("en"):
        return [str(change) for change in changes_that_meet(cron.parse(text), zone, NOW)]


def test_a_time_that_a_change_of_the_clock_skips_or_repeats_is_told_with_what_happens() -> None:
    skipped, repeated = told("30 2 * * *")
    assert skipped == (
        "Sun 2027-03-28: the clock jumps from 02:00 to 03:00. A time in between does not exist; its job starts at "
        "03:00, only once."
    )
    assert repeated == (
        "Sun 2027-10-31: the clock goes back from 03:00 to 02:00. A time in between comes twice; its job starts the "
        "first time only."
    )


def test_what_is_told_of_a_change_of_the_clock_is_what_happens() -> None:
    expression = cron.parse("30 2 * * *")
    for change in changes_that_meet(expression, BERLIN, NOW):
        begin = change.at - dt.timedelta(hours=3)
        due = expression.next_after(begin, BERLIN)
        assert due is not None
        shown = due.astimezone(BERLIN)
        assert f"{shown:%H:%M}" == ("03:00" if change.is_forward else "02:30")
        assert shown.fold == 0
        following = expression.next_after(due, BERLIN)
        assert following is not None
        assert following.astimezone(BERLIN).date() == shown.date() + dt.timedelta(days=1)


def test_a_schedule_that_no_change_meets_is_told_of_none() -> None:
    assert told("0 6 * * *") == []
    # 02:00 is skipped and comes twice, 03:00 is neither.
    assert len(told("0 2 * * *")) == 2
    assert told("0 3 * * *") == []
    assert told("30 2 * * *", ZoneInfo("UTC")) == []
    assert told("30 2 * * 1-5") == []
