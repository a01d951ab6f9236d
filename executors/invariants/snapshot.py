"""One moment of the database, for reading alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

STATEMENT_SECONDS = 30
"""After which PostgreSQL gives a query up: a check must not weigh on the site that it checks."""


@contextmanager
def snapshot() -> Iterator[None]:
    """All queries within see the database as it was at the first; none can write where PostgreSQL is used.

    Within another transaction, as a test is, there is no snapshot of its own.
    """
    if connection.in_atomic_block:
        yield
        return
    if connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'")
            yield
        return
    # SQLite would take its lock for writing at once, as every other transaction of this site does.
    mode, connection.transaction_mode = connection.transaction_mode, "DEFERRED"  # type: ignore[attr-defined]
    try:
        with transaction.atomic():
            yield
    finally:
        connection.transaction_mode = mode  # type: ignore[attr-defined]
