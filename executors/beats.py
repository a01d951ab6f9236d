"""Signs of life of the background processes: each writes a time, and whoever wonders reads how old it is."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from executors.models import Beat

WORKER = "worker"
WATCHER = "watcher"
CLUSTER = "cluster"
"""Written by the watcher while it sees what goes on in the cluster."""
EVERY_SECONDS = 10
STALE_SECONDS = 60


def beat(name: str) -> None:
    """Write that a process is alive now."""
    Beat.objects.update_or_create(name=name, defaults={"at": timezone.now()})


def age(name: str) -> dt.timedelta | None:
    """How long ago a process was last alive; None when it never was."""
    at = Beat.objects.filter(name=name).values_list("at", flat=True).first()
    return None if at is None else timezone.now() - at


def is_stale(name: str) -> bool:
    found = age(name)
    return found is None or found.total_seconds() > STALE_SECONDS
