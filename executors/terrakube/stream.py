"""Redis stream with the log and the heartbeats of Terrakube's executor.

The key of a job's stream is the number of the job; the stream holds the lines of one step: it is deleted before each
step and at the end of the job.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from executors.logs.store import Gap
from executors.models import Attempt, LogCursor
from executors.terrakube import java
from executors.terrakube.log_lines import Line, fold_entries
from terrakube_site.task_queue import redis_connection

if TYPE_CHECKING:
    import redis

logger = logging.getLogger(__name__)
AT_ONCE = 1000
"""Number of entries per read."""
TIMEOUT_SECONDS = 3


class StreamError(Exception):
    """Redis does not answer, or not as expected."""


@cache
def _client() -> redis.Redis | None:
    connection = redis_connection(os.environ)
    if connection is None:
        return None
    # Not imported without Redis.
    import redis

    # Terrakube knows no database number, so its executors write to the first one, wherever our queue is.
    return redis.Redis(**connection | {"db": 0}, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS)


def is_configured() -> bool:
    """Return True if this installation has a Redis, which executors then share with it."""
    return _client() is not None


def stream_key(job_id: int) -> bytes:
    return java.dumps(str(job_id))


def heartbeat_key(job_id: int) -> bytes:
    return java.dumps(f"executor-job-heartbeat:{job_id}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line in the stream."""

    entry_id: str
    step_id: str
    line: Line


def _text(fields: dict[bytes, bytes], name: str) -> str:
    try:
        return java.loads(fields.get(java.dumps(name), b""))
    except java.NotSerialized:
        return ""


def _entry(entry_id: bytes, fields: dict[bytes, bytes]) -> Entry:
    number = _text(fields, "lineNumber")
    return Entry(
        entry_id.decode(),
        _text(fields, "stepId"),
        Line(int(number) if number.isdecimal() else None, _text(fields, "output")),
    )


def _after(entry_id: str) -> str:
    """Return the first id after another one; exclusive ranges need Redis 6.2."""
    if not entry_id:
        return "-"
    milliseconds, _, sequence = entry_id.partition("-")
    return f"{milliseconds}-{int(sequence) + 1}"


def _ask(command: str, *arguments: Any) -> Any:
    client = _client()
    if client is None:
        raise StreamError("TerrakubeRedisHostname is not set")
    from redis import RedisError

    try:
        return client.execute_command(command, *arguments)  # type: ignore[no-untyped-call]
    except RedisError as error:
        # Its text may hold an address, and never a password.
        raise StreamError(f"Redis does not answer: {type(error).__name__}") from error


def _read(job_id: int, after: str) -> list[Entry]:
    found = _ask("XRANGE", stream_key(job_id), _after(after), "+", "COUNT", AT_ONCE) or []
    return [_entry(entry_id, fields or {}) for entry_id, fields in found]


def _batches(job_id: int, after: str) -> Iterator[list[Entry]]:
    while batch := _read(job_id, after):
        yield batch
        if len(batch) < AT_ONCE:
            return
        after = batch[-1].entry_id


def fold(attempt: Attempt, job_id: int, sensitive: list[str] | None = None) -> bool:
    """Store new entries of the stream of an attempt's job; return True if there were any. Raises StreamError."""
    after = LogCursor.objects.filter(attempt=attempt).values_list("stream_id", flat=True).first() or ""
    step_id, found = str(attempt.step_id), False
    for batch in _batches(job_id, after):
        lines = [entry.line for entry in batch if entry.step_id == step_id]
        try:
            if not fold_entries(attempt, after, batch[-1].entry_id, lines, sensitive=sensitive):
                return found
        except Gap:
            # It ended in the meantime, and its log with it.
            return found
        after, found = batch[-1].entry_id, True
    return found


def is_alive(job_id: int) -> bool:
    """Return True if the executor of a job has a recent heartbeat; versions before 2.33 never send one. Raises
    StreamError.
    """
    return bool(_ask("EXISTS", heartbeat_key(job_id)))


def delete(job_id: int) -> None:
    """Delete the streams of a job, before a step and after it. Without Redis there is nothing to do.

    An outage of Redis is no reason to stop: the start of the next step deletes them too.
    """
    if not is_configured():
        return
    try:
        _ask("DEL", stream_key(job_id), java.dumps(f"{job_id}-context"))
    except StreamError as error:
        logger.warning("The log stream of job %s was not deleted: %s", job_id, error)
