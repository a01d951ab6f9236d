"""Queue a task for the background workers once the transaction is committed.

Queueing has a timeout, since a queue may accept a connection and never answer. The change is committed by then, and the
sweep finds every record whose task was not queued. So the request succeeds all the same, and for a while no other
request waits for that queue.
"""

from __future__ import annotations

import datetime as dt
import logging
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.utils import timezone
from django_q import tasks
from django_q.brokers import Broker, get_broker

from workspaces.task_queue import trouble
from workspaces.task_queue.sender import DEADLINE_SECONDS, QueueSilent, Sender

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)
_sender = Sender()
_waits = True


@lru_cache(maxsize=1)
def cached_broker() -> Broker:
    """Return the broker of this process's queue, connected once."""
    # Without it, each task would open and authenticate a new connection to Redis.
    broker = get_broker()
    trouble.shorten_timeouts(broker, DEADLINE_SECONDS)
    return broker


def disable_waiting() -> None:
    """Queue tasks without waiting for the queue to accept them; for the watcher."""
    global _waits
    _waits = False


def async_task(name: str, *args: str | int) -> None:
    """Queue a task now. Raises QueueSilent, and whatever its broker raises."""
    _call_queue(lambda: tasks.async_task(name, *args, broker=cached_broker()), wait=_waits)


def queue_size() -> int:
    """Return how many tasks no worker has taken. Raises QueueSilent, and whatever the broker raises."""
    return int(_call_queue(lambda: cached_broker().queue_size(), wait=True) or 0)


def silent_since() -> dt.datetime | None:
    """Return since when the queue accepts no task of this process; None while it does."""
    return _sender.silent_since


def _call_queue[T](ask: Callable[[], T], *, wait: bool) -> T | None:
    if trouble.is_in_database(cached_broker()):
        # Another thread could not see this transaction's data; the database's own timeout applies.
        return _sender.direct(lambda: _within_deadline(ask))
    return _sender.send(ask, wait=wait)


def _within_deadline[T](ask: Callable[[], T]) -> T:
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        with trouble.sqlite_lock_timeout(DEADLINE_SECONDS):
            return ask()
    with transaction.atomic():
        with connection.cursor() as cursor:
            limit = f"{DEADLINE_SECONDS * 1000:.0f}"
            cursor.execute(
                "SELECT set_config('lock_timeout', %s, true), set_config('statement_timeout', %s, true)",
                [
                    limit,
                    limit,
                ],
            )
        return ask()


def _send_task(name: str, *args: str | int) -> None:
    before = silent_since()
    try:
        async_task(name, *args)
    except Exception as error:
        # The change is committed. The sweep finds every record that waits for a lost task, so an unreachable broker
        # must not turn success into an error.
        if before is None:
            logger.exception("The task %s could not be queued; the sweep will find its work", name)
        else:
            logger.warning("The task %s could not be queued (%s); the sweep will find its work", name, error)
    since = silent_since()
    if since is not None:
        explain_silence(name, *args, since=since)


def explain_silence(name: str, *args: str | int, since: dt.datetime | None = None) -> None:
    """Store on a task's job that the queue accepts no tasks; nothing while it does."""
    since = since or silent_since()
    if since is None:
        return
    try:
        trouble.explain_on_job(name, args, since=timezone.localtime(since, dt.UTC))
    except Exception:
        logger.exception("The job of the task %s could not be told that the queue is silent", name)


def enqueue(name: str, *args: str | int) -> None:
    """Queue a task, by its dotted name and with plain arguments, when the current transaction commits."""
    transaction.on_commit(partial(_send_task, name, *args))


__all__ = [
    "QueueSilent",
    "async_task",
    "cached_broker",
    "disable_waiting",
    "enqueue",
    "explain_silence",
    "queue_size",
    "silent_since",
]
