"""Count what a thread does in a block, which no busy machine changes: Python calls, and statements of the database."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

from django.db import connection

_TRANSACTION = ("BEGIN", "SAVEPOINT", "RELEASE SAVEPOINT")
"""Statements that SQLite is told as text and PostgreSQL's driver sends by itself."""


@dataclass
class Calls:
    """How often each Python function was called, those of C, such as ``len``, apart."""

    functions: Counter[CodeType] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        return self.functions.total()

    def most_called(self, number: int = 20) -> str:
        """Return the functions that were called most, one a line."""
        rows = self.functions.most_common(number)
        return "\n".join(f"{count:6} {code.co_filename}:{code.co_firstlineno} {code.co_name}" for code, count in rows)


@contextmanager
def counted_calls() -> Iterator[Calls]:
    """Count the Python functions that this thread calls."""
    calls = Calls()

    def note(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call":
            calls.functions[frame.f_code] += 1

    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(None)


@contextmanager
def kept_statements() -> Iterator[list[str]]:
    """Keep the statements that this thread sends to the database, without those that open and close transactions."""
    statements: list[str] = []

    def note(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if not sql.startswith(_TRANSACTION):
            statements.append(sql)
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(note):
        yield statements
