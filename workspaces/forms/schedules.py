"""The form of a schedule, and what it says while one types: the expression in words, the next runs, clock changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from terrakube_site.messages import translated
from workspaces import cron
from workspaces.cron_words import in_words
from workspaces.jobs.clock_changes import ClockChange, changes_that_meet
from workspaces.jobs.schedules import next_times
from workspaces.models import Schedule
from workspaces.validation.names import check_time_zone

SHOWN_RUNS = 3
PRESETS = (
    (_("Every hour"), "0 * * * *"),
    (_("Every night at 02:00"), "0 2 * * *"),
    (_("Monday to Friday at 07:00"), "0 7 * * 1-5"),
    (_("Every Sunday at 03:00"), "0 3 * * 0"),
)
"""Names of common times, and their expressions."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an expression means in a time zone; ``error`` is the sentence why it means nothing."""

    words: str = ""
    time_zone: str = ""
    runs: Sequence[str] = ()
    clock_changes: Sequence[ClockChange] = ()
    error: str = ""


def shown_time(moment: dt.datetime) -> str:
    """Return a time as the clock of its own zone shows it, with the zone's short name."""
    form = "D Y-m-d H:i:s" if moment.second else "D Y-m-d H:i"
    return f"{date_format(moment, form)} {moment.tzname()}"


def meaning_of(text: str, time_zone: str) -> Meaning:
    """Return what an expression means from now on; empty for no expression."""
    text, time_zone = text.strip(), time_zone.strip()
    if not text:
        return Meaning()
    try:
        expression = cron.parse(text)
        check_time_zone(time_zone)
    except cron.CronError as error:
        return Meaning(error=translated(str(error)))
    except ValidationError as error:
        return Meaning(error=" ".join(error.messages))
    now = timezone.now()
    return Meaning(
        words=in_words(expression),
        time_zone=time_zone,
        runs=[shown_time(run) for run in next_times(Schedule(cron=text, time_zone=time_zone), now, SHOWN_RUNS)],
        clock_changes=changes_that_meet(expression, ZoneInfo(time_zone), now),
    )


class ScheduleForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Schedule
        fields = ("workspace", "name", "cron", "time_zone", "enabled", "description", "template", "tcl")

    def clean_cron(self) -> str:
        return " ".join(str(self.cleaned_data["cron"]).split())

    def clean_time_zone(self) -> str:
        return str(self.cleaned_data["time_zone"]).strip()
