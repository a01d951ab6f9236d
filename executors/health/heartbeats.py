"""Heartbeats of the background processes: each writes a time, and checks read its age."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from executors.models import Beat
from workspaces.task_queue import client

WORKER = "worker"
WATCHER = "watcher"
CLUSTER = "cluster"
"""Written by the watcher while it sees the cluster."""
QUEUE_SILENT = "queue-silent"
"""Written by the watcher with the time since when the queue takes no tasks, and removed when it does."""
EVERY_SECONDS = 10
STALE_SECONDS = 60


def write_heartbeat(name: str) -> None:
    """Write a process's heartbeat."""
    Beat.objects.update_or_create(name=name, defaults={"at": timezone.now()})


def store_queue_silence(silent_since: dt.datetime | None) -> None:
    """Write since when the queue takes no tasks; None removes it."""
    if silent_since is None:
        Beat.objects.filter(name=QUEUE_SILENT).delete()
    else:
        Beat.objects.get_or_create(name=QUEUE_SILENT, defaults={"at": silent_since})


def queue_silent_since() -> dt.datetime | None:
    """Return since when the queue takes no tasks, as found by the watcher or by this process; None if it does."""
    return client.silent_since() or Beat.objects.filter(name=QUEUE_SILENT).values_list("at", flat=True).first()


def heartbeat_age(name: str) -> dt.timedelta | None:
    """Return the age of a process's last heartbeat, None without one."""
    at = Beat.objects.filter(name=name).values_list("at", flat=True).first()
    return None if at is None else timezone.now() - at


def is_stale(name: str) -> bool:
    found = heartbeat_age(name)
    return found is None or found.total_seconds() > STALE_SECONDS
