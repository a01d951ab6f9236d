"""Statements that PostgreSQL parses and plans once for a connection.

It plans a statement anew for each use, which for one that joins much takes ten times as long as to execute it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from types import SimpleNamespace
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import NotSupportedError

_MOST_STATEMENTS = 50
"""Prepared on one connection, each in some memory of the server; the one that was used longest ago makes room."""
_ONLY_IF_ASKED = 1_000_000_000
"""After how many uses the driver prepares a statement by itself."""
_IS_DIRECT = "_terrakube_is_direct"


def with_literals(
    connection: BaseDatabaseWrapper, sql: str, parameters: Sequence[Any], are_constant: Sequence[bool]
) -> str:
    """Write a statement's constant parameters into its text, as Django's own cursor does with all of them.

    So the server knows the type of a column that is a constant, and plans by it.
    """
    connection.ensure_connection()
    from psycopg import ClientCursor

    cursor: Any = ClientCursor(connection.connection)
    texts = [
        cursor.mogrify("%s", [parameter]).replace("%", "%%") if is_constant else "%s"
        for parameter, is_constant in zip(parameters, are_constant, strict=True)
    ]
    # The text will be filled in once more, so what is doubled stays doubled.
    return sql.replace("%%", "%%%%") % tuple(texts)


def with_plans_kept[T](connection: BaseDatabaseWrapper, execute: Callable[[], T]) -> T:
    """Call a function with a connection whose statements are prepared, and return its result.

    A pooler may give another transaction another server, which does not know the statement, so only connections to
    the server itself prepare. A statement is refused if its columns got other types meanwhile, as by the migrations of
    a newer version; the connection then prepares no more, and only a transaction that was under way has to be repeated.
    """
    if connection.connection is None:
        connection.ensure_connection()
    raw = connection.connection
    is_direct: bool | None = getattr(raw, _IS_DIRECT, None)
    if is_direct is None:
        is_direct = _is_direct(connection, raw)
    if not is_direct:
        return execute()
    usual = raw.cursor_factory
    raw.cursor_factory = _preparing_cursor()
    try:
        return execute()
    except NotSupportedError:
        setattr(raw, _IS_DIRECT, False)
        if connection.in_atomic_block:
            raise
    finally:
        raw.cursor_factory = usual
    return execute()


def _is_direct(connection: BaseDatabaseWrapper, raw: Any) -> bool:
    """Ask whether no pooler is between, and keep the answer with the connection."""
    with connection.wrap_database_errors:
        (process,) = raw.execute("SELECT pg_backend_pid()").fetchone()
    # A pooler tells each client a number of its own.
    is_direct: bool = process == raw.info.backend_pid
    raw.prepare_threshold, raw.prepared_max = _ONLY_IF_ASKED, _MOST_STATEMENTS
    setattr(raw, _IS_DIRECT, is_direct)
    return is_direct


@cache
def _preparing_cursor() -> type[Any]:
    from django.db.backends.postgresql.base import ServerBindingCursor

    class PreparingCursor(ServerBindingCursor):
        """Prepares each of its statements, and binds parameters in the server."""

        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            executed = super().execute(query, params, prepare=True, **options)  # type: ignore[misc]
            # Where Django looks for the text that it logs, and the driver leaves it to other cursors to say.
            self._query = SimpleNamespace(query=str(query).encode())
            return executed

    return PreparingCursor
