"""What a silent queue means for its connection and for the jobs whose tasks it did not accept."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection
from django_q.brokers import Broker

from workspaces.choices import JobStatus
from workspaces.models import Job
from workspaces.reasons import reason

CODE = "queue-silent"


def is_in_database(broker: Broker) -> bool:
    """Return whether a broker stores its tasks in the site's own database."""
    return type(broker).__module__ == "django_q.brokers.orm"


def shorten_timeouts(broker: Broker, seconds: float) -> None:
    """Give a Redis broker a connection with a short timeout and no retries."""
    if type(broker).__module__ != "django_q.brokers.redis_broker":
        return
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    given = dict(broker.connection.connection_pool.connection_kwargs)
    given |= {"socket_timeout": seconds, "socket_connect_timeout": seconds, "retry": Retry(NoBackoff(), 0)}
    pool = broker.connection.connection_pool
    broker.connection = redis.Redis(
        connection_pool=redis.ConnectionPool(connection_class=pool.connection_class, **given)
    )


@contextlib.contextmanager
def sqlite_lock_timeout(seconds: float) -> Iterator[None]:
    """Set SQLite's lock timeout for a block, then restore it."""
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    usual = float(connection.settings_dict["OPTIONS"].get("timeout", 5.0))
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {usual * 1000:.0f}")


def explain_on_job(name: str, arguments: Sequence[Any], *, since: dt.datetime) -> None:
    """Store on a task's job that the queue accepts no tasks, unless the job has a better reason."""
    waiting = Job.objects.filter(reason_code__in=("", "starting", CODE))
    match name.rpartition(".")[2], arguments:
        case "advance_job", [job_id]:
            rows = waiting.filter(pk=job_id, status__in=(JobStatus.PENDING, JobStatus.APPROVED))
        case "advance_workspace", [workspace_id]:
            rows = waiting.filter(workspace=workspace_id, status=JobStatus.PENDING)
        case "launch_step", [step_id]:
            rows = waiting.filter(steps=step_id, status=JobStatus.QUEUE)
        case _:
            return
    rows.update(**reason(CODE, since=f"{since:%Y-%m-%d %H:%M:%S} UTC").columns)
