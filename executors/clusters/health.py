"""Whether each cluster with a record answers; the only writer of the columns that say so.

One that answers with a refusal is not silent: its ``problem`` then says what it refuses, and it is called as before.
"""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from executors.cluster import ClusterError, NoCluster
from workspaces.models import Cluster as Record


def shown(moment: dt.datetime) -> str:
    """Return a time as the reasons say it."""
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"


def is_silence(error: ClusterError | None) -> bool:
    """Return True if a call was not answered; None is a call that has not ended."""
    return error is None or (error.status is None and not isinstance(error, NoCluster))


def note_silence(record: Record, error: ClusterError | None = None, *, by_task: bool = False) -> dt.datetime:
    """Record that a cluster does not answer, and return since when.

    ``by_task``: the next tasks need not ask for a while. What the watcher sees does not keep them from it.
    """
    now = timezone.now()
    written: dict[str, object] = {"problem": error.message if error is not None else ""}
    if by_task:
        written["asked_at"] = now
    rows = Record.objects.filter(pk=record.pk)
    if rows.filter(silent_since=None).update(silent_since=now, **written):
        return now
    rows.update(**written)
    return rows.values_list("silent_since", flat=True).first() or now


def note_refusal(record: Record, error: ClusterError) -> None:
    """Record that a cluster refuses the site, or that its kubeconfig cannot be used."""
    written: dict[str, object] = {"answered_at": timezone.now()} if error.status is not None else {}
    Record.objects.filter(pk=record.pk).update(silent_since=None, problem=error.message or "?", **written)


def note_problem(record: Record, error: ClusterError | None) -> dt.datetime | None:
    """Record why a cluster cannot be watched; return since when it is silent, None if it is not."""
    if error is None or is_silence(error):
        return note_silence(record, error)
    note_refusal(record, error)
    return None


def note_answer(record: Record) -> None:
    """Record that a cluster answers."""
    Record.objects.filter(pk=record.pk).update(silent_since=None, answered_at=timezone.now(), problem="")
