"""The points between transactions, at which a process of the simulation can die or stand still."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

from django.db import connections
from django.db.backends.sqlite3.base import DatabaseWrapper

logger = logging.getLogger(__name__)


def random_number() -> float:
    """What ``RAND()`` of a query gives; a history puts its own in place."""
    return 0.5


def make_quick(raw: sqlite3.Connection) -> None:
    """Let statements that are prepared once remain so, for all histories."""
    # A plan that could use a partial index is else made anew whenever the values that it compares with change.
    raw.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_QPSG, True)
    # Once: a function that is defined again makes all plans invalid.
    raw.create_function("RAND", 0, lambda: random_number())


@contextmanager
def watched(point: Callable[[str], None], committed: Callable[[], None]) -> Iterator[None]:
    """Call ``point`` before each transaction and after each commit, and ``committed`` after each commit.

    SQLite runs one transaction at a time, and so does PostgreSQL those of one job, by its row lock. What a process
    wants to do after its commit is lost with it.
    """
    real = connections["default"]

    def start() -> None:
        point("before a transaction")
        DatabaseWrapper._start_transaction_under_autocommit(real)  # type: ignore[attr-defined]

    def hooks() -> None:
        # Another process may act before this one goes on, so nothing may be left in what they share.
        real.run_commit_hooks_on_set_autocommit_on = False
        found, real.run_on_commit = real.run_on_commit, []
        committed()
        if found:
            point("after a commit")
        for _savepoints, act, robust in found:  # type: ignore[misc] # the stubs know no robust ones
            if not robust:
                act()
                continue
            try:
                act()
            except Exception:
                logger.exception("What was to be done after a commit failed")

    with (
        mock.patch.object(real, "_start_transaction_under_autocommit", start),
        mock.patch.object(real, "run_and_clear_commit_hooks", hooks),
    ):
        yield
