"""Queries that are built once and executed often.

Django builds a query's text anew for each use. For one that joins much and finds little this takes longer than the
database does, several milliseconds, and some are asked at each poll of each client. PostgreSQL plans them once, too.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import QuerySet
from django.db.transaction import TransactionManagementError

from terrakube_site.database import prepared

type Value = int | str | UUID | tuple[str, ...] | tuple[UUID, ...]
_LOWEST_INT = -(2**31) + 1
_HIGHEST_UUID = 2**128 - 1
_MOST_SHAPES = 100
_LENGTHS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Lengths of tuples, so that those of hundreds of lengths share a few queries."""


@dataclass(frozen=True, slots=True)
class _Built:
    """A query that was built: ``places`` tells which value each parameter is, None for one that is always the same.

    ``converters`` are those of its columns; ``locks`` says that it locks rows.
    """

    queryset: QuerySet[Any, Any]
    compiler: Any
    sql: str
    parameters: tuple[Any, ...]
    places: tuple[int | None, ...]
    converters: Any
    has_composites: bool
    locks: bool


class BuiltOnce:
    """A query with values that differ: whole numbers, texts, UUIDs, tuples of texts or UUIDs, as ``build`` takes them.

    ``build`` gets the values and returns the query. It is called once for each of some lengths of the tuples, with
    others than those that are asked for, so it may only compare them (``=``, ``<`` and ``IN``), must not depend on the
    time, and must not ask the database itself. A tuple is brought to one of them by its last value.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Any]]) -> None:
        self._build = build
        self._built: dict[tuple[str, tuple[int | None, ...]], _Built] = {}

    def rows(self, *values: Value) -> list[Any]:
        """Execute the query; returns what the built one finds: records, dictionaries or tuples."""
        values = tuple([_lengthened(value) if isinstance(value, tuple) else value for value in values])
        shape = tuple([len(value) if isinstance(value, tuple) else None for value in values])
        if 0 in shape:
            # Django answers an empty IN itself, and such a query has no text.
            return list(self._build(*values))
        connection = connections[DEFAULT_DB_ALIAS]
        built = self._built.get((connection.vendor, shape))
        if built is None:
            if len(self._built) >= _MOST_SHAPES:
                self._built.clear()
            built = self._built[connection.vendor, shape] = _built(self._build, values)
        if built.locks and connection.get_autocommit():
            # What Django says when it builds such a query anew.
            raise TransactionManagementError("select_for_update cannot be used outside of a transaction.")
        flat = _flat(values)
        # Lists, since Python calls a generator for each of its values.
        parameters = tuple(
            [
                parameter if place is None else _like(parameter, flat[place])
                for parameter, place in zip(built.parameters, built.places, strict=True)
            ]
        )
        compiler = copy.copy(built.compiler)
        compiler.connection = connection
        compiler.as_sql = lambda *_args, **_named: (built.sql, parameters)
        compiler.get_converters = lambda _columns: built.converters
        compiler.has_composite_fields = lambda _columns: built.has_composites
        query = copy.copy(built.queryset.query)
        query.get_compiler = lambda *_args, **_named: compiler  # type: ignore[method-assign]
        found: Any = QuerySet(built.queryset.model, query=query, using=DEFAULT_DB_ALIAS)
        found._iterable_class = built.queryset._iterable_class
        if connection.vendor == "postgresql":
            return prepared.with_plans_kept(connection, partial(list, found))
        return list(found)


def _built(build: Callable[..., QuerySet[Any, Any]], values: Sequence[Value]) -> _Built:
    """Build a query with marks in the place of values. Raises ValueError if a mark is not found again."""
    marks: list[Any] = []
    marked: list[Value] = []
    for value in values:
        if isinstance(value, tuple):
            first = len(marks)
            several: Any = tuple(
                UUID(int=_HIGHEST_UUID - first - at) if isinstance(one, UUID) else f"\0{first + at}"
                for at, one in enumerate(value)
            )
            marks += several
            marked.append(several)
            continue
        number = len(marks)
        mark: Value = f"\0{number}"
        if isinstance(value, UUID):
            mark = UUID(int=_HIGHEST_UUID - number)
        elif isinstance(value, int):
            mark = _LOWEST_INT + number
        marks.append(mark)
        marked.append(mark)
    connection = connections[DEFAULT_DB_ALIAS]
    with connection.execute_wrapper(_refuse):
        queryset = build(*marked)
        compiler = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
        sql, parameters = compiler.as_sql()
    columns = [column[0] for column in compiler.select[: compiler.col_count]]
    converters, has_composites = compiler.get_converters(columns), compiler.has_composite_fields(columns)
    locks = bool(queryset.query.select_for_update and connection.features.has_select_for_update)
    known = {mark: place for place, mark in enumerate(marks)}
    # SQLite has no type for them.
    known |= {mark.hex: place for place, mark in enumerate(marks) if isinstance(mark, UUID)}
    places = tuple(known.get(parameter) for parameter in parameters)
    if missing := set(range(len(marks))) - set(places):
        raise ValueError(f"The values {sorted(missing)} are not compared in the query.")
    if connection.vendor == "postgresql":
        sql = prepared.with_literals(connection, sql, parameters, [place is None for place in places])
        varying = [at for at, place in enumerate(places) if place is not None]
        parameters, places = [parameters[at] for at in varying], tuple(places[at] for at in varying)
    # The connection is a thread's, the rest anybody's.
    compiler.connection = None
    return _Built(queryset, compiler, sql, tuple(parameters), places, converters, has_composites, locks)


def _lengthened(value: tuple[Any, ...]) -> tuple[Any, ...]:
    missing = next((length - len(value) for length in _LENGTHS if length >= len(value)), 0)
    return (*value, *value[-1:] * missing) if value else value


def _refuse(*_query: Any) -> Any:
    """Refuse a query that is asked while another is built: what it finds would stay in that one's text."""
    raise RuntimeError("A query that is built once must not ask the database while it is built.")


def _flat(values: Sequence[Value]) -> list[int | str | UUID]:
    found: list[int | str | UUID] = []
    for value in values:
        if isinstance(value, tuple):
            found += value
        else:
            found.append(value)
    return found


def _like(parameter: Any, value: int | str | UUID) -> Any:
    """Return a value in the type in which the database gets this parameter."""
    if isinstance(value, UUID):
        return value if isinstance(parameter, UUID) else value.hex
    if isinstance(value, int) and isinstance(parameter, int):
        # Django marks a number with the size of its column, into which the driver would press any that is larger.
        return int(value)
    return type(parameter)(value)
