"""Cron expressions, as schedules use them."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspaces import cron

NOW = dt.datetime(2026, 11, 24, 20, 30, 15, 999, dt.UTC)  # a Tuesday


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("0 0 20 ? * FRI", "2026-11-27 20:00:00"),
        ("0 0 20 ? * 6", "2026-11-27 20:00:00"),
        ("0 0 12 * * ?", "2026-11-25 12:00:00"),
        ("0 31 20 * * ?", "2026-11-24 20:31:00"),
        ("15 30 20 * * ?", "2026-11-25 20:30:15"),
        ("0/20 * * * * ?", "2026-11-24 20:30:20"),
        ("0 0/15 8-17 ? * MON-FRI", "2026-11-25 08:00:00"),
        ("0 0 0 1 1 ?", "2027-01-01 00:00:00"),
        ("0 0 0 1 JAN,JUL ? *", "2027-01-01 00:00:00"),
        ("0 0 0 ? * FRI-MON", "2026-11-27 00:00:00"),
        ("0 0 22-2 * * ?", "2026-11-24 22:00:00"),
        ("0 0 0 29 2 ?", "2028-02-29 00:00:00"),
        ("0 0 0 L * ?", "2026-11-30 00:00:00"),
        ("0 0 0 L-2 * ?", "2026-11-28 00:00:00"),
        ("0 0 0 LW * ?", "2026-11-30 00:00:00"),
        ("0 0 0 15W 11 ?", "2027-11-15 00:00:00"),
        ("0 0 0 1W 8 ?", "2027-08-02 00:00:00"),
        ("0 0 0 31W 10 ?", "2027-10-29 00:00:00"),
        ("0 0 0 ? * 6L", "2026-11-27 00:00:00"),
        ("0 0 0 ? * FRIL", "2026-11-27 00:00:00"),
        ("0 0 0 ? * L", "2026-11-28 00:00:00"),
        ("0 0 0 ? * 2#1", "2026-12-07 00:00:00"),
        ("0 0 0 1 1 ? 2030", "2030-01-01 00:00:00"),
        ("0 0 0 1 1 ? 2020", None),
        ("0 0 0 31 2 ?", None),
    ],
)
def test_an_expression_is_due(text: str, due: str | None) -> None:
    found = cron.parse(text).next_after(NOW)
    assert (None if found is None else f"{found:%Y-%m-%d %H:%M:%S}") == due


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "0 0 20 ? * ?",
        "60 * * * * ?",
        "0 0 24 * * ?",
        "0 0 0 32 * ?",
        "0 0 0 ? * 8",
        "0 0 0 0 * ?",
        "0 0 0 * 13 ?",
        "0/0 * * * * ?",
        "a * * * * ?",
        "0 0 0 ? * FUN",
        "0 0 0 ? * 9L",
        "0 0 0 * * ? 1",
        "1,,2 * * * * ?",
    ],
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(cron.CronError):
        cron.parse(text)


@given(
    st.text(max_size=30) | st.lists(st.text("0123456789*?/-,LW#FRI", min_size=1, max_size=5), max_size=8).map(" ".join)
)
def test_any_text_is_an_expression_or_is_refused(text: str) -> None:
    try:
        found = cron.parse(text)
    except cron.CronError:
        return
    due = found.next_after(NOW)
    assert due is None or due > NOW


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("30 6 * * 1-5", "2026-11-25 06:30:00"),
        ("30 6 * * 5", "2026-11-27 06:30:00"),
        ("30 6 * * 0", "2026-11-29 06:30:00"),
        ("30 6 * * 7", "2026-11-29 06:30:00"),
        ("30 6 * * 5-7", "2026-11-27 06:30:00"),
        ("30 6 * * 0-7", "2026-11-25 06:30:00"),
        ("30 6 * * SUN", "2026-11-29 06:30:00"),
        ("*/15 * * * *", "2026-11-24 20:45:00"),
        ("0 0 1 * *", "2026-12-01 00:00:00"),
        # Either day field: the 1st, and every Friday.
        ("0 0 1 * 5", "2026-11-27 00:00:00"),
        ("0 0 28 * 1", "2026-11-28 00:00:00"),
    ],
)
def test_five_fields_mean_what_they_mean_to_crontab(text: str, due: str) -> None:
    assert str(cron.parse(text).next_after(NOW)) == f"{due}+00:00"


@pytest.mark.parametrize("text", ["* * * *", "30 6 * * 8", "61 * * * *", "0 0 32 * *"])
def test_five_fields_are_checked_too(text: str) -> None:
    with pytest.raises(cron.CronError):
        cron.parse(text)


def due_from(text: str, zone: str, begin: str, count: int) -> list[str]:
    """The next times as the zone's clock shows them, with the hours that it is ahead of UTC."""
    expression, where, moment = (
        cron.parse(text),
        ZoneInfo(zone),
        dt.datetime.fromisoformat(begin).replace(tzinfo=dt.UTC),
    )
    found = []
    for _ in range(count):
        due = expression.next_after(moment, where)
        assert due is not None
        assert due > moment
        moment = due
        found.append(due.astimezone(where).isoformat())
    return found


def test_a_schedule_keeps_to_the_clock_of_its_zone() -> None:
    assert due_from("30 6 * * *", "Europe/Berlin", "2026-10-24T00:00", 3) == [
        "2026-10-24T06:30:00+02:00",
        "2026-10-25T06:30:00+01:00",
        "2026-10-26T06:30:00+01:00",
    ]


def test_a_night_in_which_the_clocks_change_starts_nothing_twice_and_leaves_nothing_out() -> None:
    # In October 02:30 comes twice, in March it does not come.
    assert due_from("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", 2) == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-26T02:30:00+01:00",
    ]
    assert due_from("30 2 * * *", "Europe/Berlin", "2027-03-27T12:00", 2) == [
        "2027-03-28T03:00:00+02:00",
        "2027-03-29T02:30:00+02:00",
    ]
    assert due_from("*/30 1-3 * * *", "Europe/Berlin", "2027-03-28T00:00", 5) == [
        "2027-03-28T01:30:00+01:00",
        "2027-03-28T03:00:00+02:00",
        "2027-03-28T03:30:00+02:00",
        "2027-03-29T01:00:00+02:00",
        "2027-03-29T01:30:00+02:00",
    ]
