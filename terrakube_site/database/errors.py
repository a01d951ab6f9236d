"""Recognize transient database errors: a lock held by another transaction, a lost connection."""

from __future__ import annotations

from django.db import DatabaseError, InterfaceError

_LOCKED = frozenset({"55P03", "40P01", "40001"})
"""Codes of PostgreSQL for a lock that was not had, a deadlock and two writers of one row."""
_CUT_OFF = frozenset({"57014", "25P03", "25P04", "57P01", "57P02", "57P03", "57P05", "53300", "53400"})
"""For a statement or a transaction that took too long, a server that is going or coming, and too many connections."""


def _code(error: BaseException) -> str | None:
    """PostgreSQL's code of an error, empty where the connection failed without one; None for another database's."""
    cause = error.__cause__ or error
    return cause.sqlstate or "" if hasattr(cause, "sqlstate") else None


def is_locked(error: BaseException) -> bool:
    """Return whether an error means that another transaction holds the lock."""
    if not isinstance(error, DatabaseError):
        return False
    code = _code(error)
    return code in _LOCKED if code is not None else "database is locked" in str(error)


def is_passing(error: BaseException) -> bool:
    """Return whether a database error is transient: the same request may succeed in a moment."""
    if is_locked(error):
        return True
    code = _code(error)
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, DatabaseError) or code is None:
        return False
    return code in _CUT_OFF or code.startswith("08") or (not code and type(error).__name__ == "OperationalError")
