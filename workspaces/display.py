"""Format values for lists and pages: status badges, times, durations."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from terrakube_site.theme.markup import format_html
from workspaces.choices import JobStatus, LastJobStatus
from workspaces.reasons import in_language

TONES = {
    JobStatus.PENDING: "wait",
    JobStatus.WAITING_APPROVAL: "attention",
    JobStatus.APPROVED: "wait",
    JobStatus.QUEUE: "wait",
    JobStatus.RUNNING: "active",
    JobStatus.COMPLETED: "good",
    JobStatus.NO_CHANGES: "good",
    JobStatus.NOT_EXECUTED: "quiet",
    JobStatus.REJECTED: "bad",
    JobStatus.CANCELLED: "quiet",
    JobStatus.FAILED: "bad",
    JobStatus.UNKNOWN: "quiet",
}
_KIB = 1024
_UNITS = ("KiB", "MiB", "GiB")
_TONES: Mapping[str, str] = {str(status): name for status, name in TONES.items()}
_LABELS: Mapping[str, Any] = {**dict(JobStatus.choices), **dict(LastJobStatus.choices)}


def tone(status: str) -> str:
    """Return the color group of a status: good, bad, active, wait, attention or quiet."""
    # A status is a text, also as a key here.
    return _TONES.get(status, "quiet")


def label(status: str) -> str:
    return str(_LABELS[status])


def badge(status: str) -> SafeString:
    """Render a status as a badge; its color repeats what its text says."""
    return format_html('<span class="tk-badge tk-{}">{}</span>', tone(status), label(status))


def reason_of(job: Any) -> str:
    """Return why a job waits or ended, with its place in the queue, in the language of the page.

    A reason that only repeats the job's status is left out. ``capacity.note_places`` adds the place.
    """
    said = [in_language(part) for part in (job.why, getattr(job, "place", None)) if str(part or "")]
    return " · ".join(part for part in said if part != label(job.status))


def first_and_rest(names: Sequence[str], most: int = 3) -> str:
    """List the first of some names and the number of the rest; empty for none."""
    shown, more = ", ".join(names[:most]), len(names) - most
    if more <= 0:
        return shown
    return ngettext("%(names)s and %(number)d more", "%(names)s and %(number)d more", more) % {
        "names": shown,
        "number": more,
    }


def duration(span: dt.timedelta | None) -> str:
    """Format a time span: "4 s", "2 min 05 s", "3 h 10 min", "2 d 4 h"; empty for None."""
    if span is None:
        return ""
    seconds = max(int(span.total_seconds()), 0)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    if seconds < 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
    return f"{seconds // 86400} d {seconds % 86400 // 3600} h"


def seconds(span: float) -> str:
    """Format a number of seconds as a time span; a short one with tenths."""
    return f"{number_format(span, 1)} s" if span < 10 else duration(dt.timedelta(seconds=span))


def file_size(count: int | None) -> str:
    """Format a number of bytes: "108 bytes", "6.1 KiB", "2.0 MiB"; a dash for None."""
    if count is None:
        return "–"
    if count < _KIB:
        return ngettext("%(number)d byte", "%(number)d bytes", count) % {"number": count}
    power = min((count.bit_length() - 1) // 10, len(_UNITS))
    return f"{number_format(count / _KIB**power, 1)} {_UNITS[power - 1]}"


def coarse_duration(span: dt.timedelta) -> str:
    """Format a time span in its largest unit: "4 s", "32 min", "3 h", "12 d"."""
    seconds = max(int(span.total_seconds()), 0)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def moment(at: dt.datetime | None) -> SafeString:
    """Render a time as its age; a script shows the exact time in the viewer's zone on hover."""
    if at is None:
        return format_html("{}", "")
    ago = _("%(span)s ago") % {"span": coarse_duration(timezone.now() - at)}
    exact = at.astimezone(dt.UTC)
    return format_html(
        '<time class="tk-time" datetime="{}" title="{} UTC">{}</time>',
        exact.isoformat(),
        exact.strftime("%Y-%m-%d %H:%M:%S"),
        ago,
    )


def clock(at: dt.datetime | None) -> SafeString:
    """Render a point in time; a script shows it in the viewer's zone, with the date only if that is not today."""
    if at is None:
        return format_html("{}", "")
    exact = at.astimezone(dt.UTC)
    return format_html(
        '<time class="tk-time" data-clock datetime="{}">{} UTC</time>',
        exact.isoformat(),
        exact.strftime("%Y-%m-%d %H:%M:%S"),
    )


def age_column(field: str, description: Any) -> Callable[[Any, Any], SafeString]:
    """Build a list column that shows the age of one of a record's times."""

    @admin.display(description=description, ordering=field)
    def column(self: Any, record: Any) -> SafeString:
        return moment(getattr(record, field))

    return column


def time_left(at: dt.datetime | None) -> SafeString:
    """Format a future time as the time left; a dash for None."""
    if at is None:
        return format_html("{}", "–")
    exact = at.astimezone(dt.UTC)
    left = at - timezone.now()
    return format_html(
        '<time class="tk-time" datetime="{}" title="{} UTC">{}</time>',
        exact.isoformat(),
        exact.strftime("%Y-%m-%d %H:%M:%S"),
        _("in %(span)s") % {"span": duration(left)} if left > dt.timedelta() else _("due"),
    )
