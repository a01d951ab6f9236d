"""Counters of all processes, summed in the database.

Web, worker and watcher come and go, and the worker's processes serve no address. In one table their counters outlive
them, and one scrape of any web process reads them all.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from django.db import DatabaseError, InterfaceError, close_old_connections, connection, transaction

from executors.models import Tally
from terrakube_site.metrics import tally

logger = logging.getLogger(__name__)
EVERY_SECONDS = 5.0
_flushed_at = 0.0
_AT_ONCE = 100
"""Rows per statement; older versions of SQLite take 999 parameters."""


def flush_counters() -> None:
    """Add this process's counters to the database; they are kept for the next time if that fails."""
    counts = tally.take()
    if not counts:
        return
    # In one order, so that two processes never deadlock on rows.
    rows = sorted((name, labels, value) for (name, labels), value in counts.items())
    table = connection.ops.quote_name(Tally._meta.db_table)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            for start in range(0, len(rows), _AT_ONCE):
                part = rows[start : start + _AT_ONCE]
                values = ", ".join(["(%s, %s, %s)"] * len(part))
                cursor.execute(
                    f"INSERT INTO {table} (name, labels, value) VALUES {values} "  # noqa: S608 - the model's own name
                    f"ON CONFLICT (name, labels) DO UPDATE SET value = {table}.value + excluded.value",
                    [item for row in part for item in row],
                )
    except (DatabaseError, InterfaceError) as error:
        tally.give_back(counts)
        logger.warning("Counts could not be written; they are kept: %s", str(error).partition("\n")[0])


def flush_sometimes(**signal: Any) -> None:
    """Flush at most every few seconds; called after each task, in the process that ran it."""
    global _flushed_at
    now = time.monotonic()
    if now - _flushed_at >= EVERY_SECONDS:
        _flushed_at = now
        flush_counters()


def read_counters() -> dict[str, dict[str, float]]:
    """Return all counters by name, then by labels (JSON)."""
    found: dict[str, dict[str, float]] = {}
    for name, labels, value in Tally.objects.values_list("name", "labels", "value"):
        found.setdefault(name, {})[labels] = value
    return found


def _keep_flushing() -> None:
    while True:
        time.sleep(EVERY_SECONDS)
        close_old_connections()
        flush_counters()


def start_flushing() -> None:
    """Flush this process's counters every few seconds, from a thread of its own."""
    threading.Thread(target=_keep_flushing, name="metrics", daemon=True).start()
