"""A read-only snapshot of the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

STATEMENT_SECONDS = 30
"""Time after which PostgreSQL cancels a query: a check must not load the site that it checks."""


@contextmanager
def snapshot() -> Iterator[None]:
    """All queries in this context see the database as of the first one; on PostgreSQL none can write.

    Inside another transaction, as in a test, there is no snapshot of its own.
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
    # SQLite would take its write lock at once, as in every other transaction of this site.
    mode, connection.transaction_mode = connection.transaction_mode, "DEFERRED"  # type: ignore[attr-defined]
    try:
        with transaction.atomic():
            yield
    finally:
        connection.transaction_mode = mode  # type: ignore[attr-defined]
