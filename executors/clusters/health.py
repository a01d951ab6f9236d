"""Whether each cluster with a record answers; the only writer of the columns that say so."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from executors.cluster import ClusterError
from workspaces.models import Cluster as Record


def shown(moment: dt.datetime) -> str:
    """Return a time as the reasons say it."""
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"


def note_silence(record: Record, error: ClusterError | None = None) -> dt.datetime:
    """Record that a cluster does not answer, and return since when."""
    now = timezone.now()
    problem = error.message if error is not None else ""
    rows = Record.objects.filter(pk=record.pk)
    if rows.filter(silent_since=None).update(silent_since=now, asked_at=now, problem=problem):
        return now
    rows.update(asked_at=now, problem=problem)
    return rows.values_list("silent_since", flat=True).first() or now


def note_answer(record: Record) -> None:
    """Record that a cluster answers."""
    Record.objects.filter(pk=record.pk).update(silent_since=None, answered_at=timezone.now(), problem="")
