"""Django's way from a statement to its records, with fewer steps and the same result: it is most of a history's time.

What is not known here goes Django's own way. ``Runner`` asks one thread and one database, so nothing of what keeps
threads and databases apart is needed.
"""

from __future__ import annotations

import datetime as dt
import functools
import inspect
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from django.db.backends.sqlite3.base import DatabaseWrapper, SQLiteCursorWrapper
from django.db.backends.sqlite3.operations import DatabaseOperations
from django.db.models import Model
from django.db.models.base import ModelState
from django.db.models.fields.related_descriptors import ForeignKeyDeferredAttribute
from django.db.models.signals import post_init, pre_init
from django.db.models.sql.compiler import SQLCompiler

_REAL_CURSOR: Any = DatabaseWrapper.cursor
_REAL_FROM_DB: Any = Model.from_db.__func__  # type: ignore[attr-defined]
_REAL_TIME: Any = DatabaseOperations.convert_datetimefield_value
_REAL_CONVERT: Any = SQLiteCursorWrapper.convert_query
_execute: Any = sqlite3.Cursor.execute


@functools.cache
def _converted(text: str) -> str:
    converted: str = _REAL_CONVERT(None, text)
    return converted


class _Cursor(SQLiteCursorWrapper):
    """A cursor of SQLite, without the wrappers around it."""

    db: Any

    def execute(self, query: str, params: Any = None) -> Any:
        if self.db.needs_rollback:
            self.db.validate_no_broken_transaction()
        try:
            if params is None:
                return _execute(self, query)
            if isinstance(params, Mapping):
                return super().execute(query, params)
            return _execute(self, _converted(query), params)
        except sqlite3.Error:
            with self.db.wrap_database_errors:
                raise

    def __enter__(self) -> _Cursor:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()


def _cursor(self: Any) -> Any:
    if self.connection is None or self.execute_wrappers or self.queries_logged:
        return _REAL_CURSOR(self)
    cursor = self.connection.cursor(factory=_Cursor)
    cursor.db = self
    return cursor


@functools.cache
def _names(model: type[Model]) -> tuple[str, ...] | None:
    """Return the attributes of a row's values; None for a model that does more than keep them."""
    names = tuple(field.attname for field in model._meta.concrete_fields)
    kept = all(
        not hasattr(found, "__set__") or type(found) is ForeignKeyDeferredAttribute
        for found in (inspect.getattr_static(model, name) for name in names)
    )
    listened = pre_init.has_listeners(model) or post_init.has_listeners(model)
    plain = model.__init__ is Model.__init__ and model.__setattr__ is Model.__setattr__
    return names if kept and plain and not listened else None


def _from_db(cls: Any, db: Any, field_names: Any, values: Any) -> Any:
    names = _names(cls)
    if names is None or len(names) != len(values):
        return _REAL_FROM_DB(cls, db, field_names, values)
    new = cls.__new__(cls)
    state = ModelState()
    state.adding, state.db = False, db
    mine = new.__dict__
    mine["_state"] = state
    mine.update(zip(names, values, strict=True))
    return new


@functools.lru_cache(maxsize=10_000)
def _uuid(text: str) -> UUID:
    return UUID(text)


def _uuid_of(self: object, value: Any, expression: object, connection: object) -> UUID | None:
    return None if value is None else _uuid(value)


_TIMES: dict[str, dt.datetime] = {}


def _time_of(self: Any, value: Any, expression: Any, connection: Any) -> Any:
    if value is None:
        return None
    found = _TIMES.get(value)
    if found is None:
        if len(_TIMES) > 10_000:
            _TIMES.clear()
        found = _TIMES[value] = _REAL_TIME(self, value, expression, connection)
    return found


def _apply_converters(self: Any, rows: Iterable[Any], converters: Mapping[int, Any]) -> Iterator[list[Any]]:
    connection = self.connection
    flat = [(pos, convert, about) for pos, (found, about) in converters.items() for convert in found]
    for row in map(list, rows):
        for pos, convert, about in flat:
            row[pos] = convert(row[pos], about, connection)
        yield row


def make_records_quickly() -> None:
    """Let all records of this process come from their rows this way, from now on."""
    instead: tuple[tuple[object, str, object], ...] = (
        (DatabaseWrapper, "cursor", _cursor),
        (Model, "from_db", classmethod(_from_db)),
        (DatabaseOperations, "convert_uuidfield_value", _uuid_of),
        (DatabaseOperations, "convert_datetimefield_value", _time_of),
        (SQLCompiler, "apply_converters", _apply_converters),
    )
    for holder, name, one in instead:
        setattr(holder, name, one)
