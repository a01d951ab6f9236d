"""Queries that are built once: what is done to one, how values are told from the rest, and what comes of it.

A ``State`` is built with marks in the place of values, and compiled; a ``Plan`` puts others in their place.
"""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

from django.core.exceptions import EmptyResultSet, ValidationError
from django.db import models
from django.db.models import Exists, Model, OuterRef, Q, QuerySet, sql
from django.db.models.expressions import NegatedExpression

_HIGHEST_UUID = 2**128 - 1
_LOWEST_INT = -(2**31) + 1
_FIRST_DAY = dt.datetime(1901, 1, 1, tzinfo=dt.UTC)
_CONSTANTS = (type(None), bool)
AGGREGATES = frozenset({models.Min, models.Max, models.Count})
KEPT = "populators"
"""Where a plan keeps what fills in the related records of its rows."""


class UnknownError(Exception):
    """This is nothing that can be recorded."""


NOT_FOR_MARKS = (UnknownError, ValueError, TypeError, ValidationError)
"""What building a query raises whose field takes no mark, as a number that is given as text."""


def described(value: Any, values: list[Any]) -> Any:
    """Return what a value has in common with others of its kind, and append what is its own to ``values``."""
    kind = type(value)
    if kind in _CONSTANTS:
        return value if value is None else ("constant", value)
    if isinstance(value, str):
        values.append(str.__str__(value))
        return "text"
    if isinstance(value, int):
        values.append(int(value))
        return "number"
    if kind is UUID:
        values.append(value)
        return "uuid"
    if isinstance(value, dt.datetime):
        values.append(value)
        return "time"
    if isinstance(value, Model):
        if value.pk is None:
            raise UnknownError
        return ("record", kind, described(value.pk, values))
    if isinstance(value, Q):
        parts = tuple(
            (child[0], described(child[1], values)) if type(child) is tuple else described(child, values)
            for child in value.children
        )
        return ("q", value.connector, value.negated, parts)
    if kind in {tuple, list, set, frozenset}:
        return ("many", *(described(one, values) for one in value))
    if kind in {models.F, OuterRef}:
        return (kind, value.name)
    if kind is NegatedExpression:
        return ("not", described(value.expression, values))
    if kind is Exists and not value.extra and getattr(value.query, "is_recorded", False):
        values += value.query.recorded_values
        return ("exists", value.query.recorded_state)
    if kind in AGGREGATES:
        # They are equal if what they were made of is.
        return value
    if isinstance(value, QuerySet) and getattr(value.query, "is_recorded", False):
        values += value.query.recorded_values  # type: ignore[attr-defined]
        return ("queryset", value.query.recorded_state)  # type: ignore[attr-defined]
    raise UnknownError


def marked(value: Any, marks: list[Any]) -> Any:
    """Return a copy of a value with marks in it, in the order in which ``described`` finds its values."""
    kind, number = type(value), len(marks)
    if kind in _CONSTANTS or kind in {models.F, OuterRef} or kind in AGGREGATES:
        return value
    if kind is NegatedExpression:
        return NegatedExpression(marked(value.expression, marks))
    if kind is Exists:
        exists = copy.copy(value)
        exists.query = _marked_query(value.query, marks)
        return exists
    if isinstance(value, QuerySet):
        return QuerySet(value.model, query=_marked_query(value.query, marks))
    mark: Any
    if isinstance(value, str):
        mark = f"\0{number}"
    elif isinstance(value, int):
        mark = _LOWEST_INT + number
    elif kind is UUID:
        mark = UUID(int=_HIGHEST_UUID - number)
    elif isinstance(value, dt.datetime):
        mark = _FIRST_DAY + dt.timedelta(microseconds=number)
    elif isinstance(value, Model):
        mark = copy.copy(value)
        # Only the key is looked at; a new record would draw ids.
        mark.pk = marked(value.pk, marks)
        return mark
    elif isinstance(value, Q):
        children = [
            (child[0], marked(child[1], marks)) if type(child) is tuple else marked(child, marks)
            for child in value.children
        ]
        return Q.create(children=children, connector=value.connector, negated=value.negated)
    else:
        return [marked(one, marks) for one in value]
    marks.append(mark)
    return mark


def _marked_query(recorded: Any, marks: list[Any]) -> Any:
    query: Any = sql.Query(recorded.model)
    for name, args, named in recorded.recorded_acts:
        query = done(query, name, tuple(marked(one, marks) for one in args) if name == "add_q" else args, named)
    return query


def _as_stored(connection: Any, value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value.hex if type(value) is UUID else value


class Plan:
    """A query that was compiled, and which of its parameters are which of its values."""

    def __init__(self, compiler: Any, marks: Iterable[Any], *, skipped: int = 0) -> None:
        connection = compiler.connection
        known = {_as_stored(connection, mark): place for place, mark in enumerate(marks)}
        self.compiler = compiler
        self.text: str | None = None
        try:
            self.text, parameters = compiler.as_sql()
        except EmptyResultSet:
            return
        self._fixed = tuple(parameters)[skipped:]
        # What a text begins with is compared by LIKE, with a % at its end.
        begins = {f"{mark}%": place for mark, place in known.items() if isinstance(mark, str)}
        self._places = [
            (number, (known | begins)[parameter], parameter in begins)
            for number, parameter in enumerate(self._fixed)
            if type(parameter) in {str, int} and (parameter in known or parameter in begins)
        ]
        if {place for _number, place, _begins in self._places} != set(known.values()):
            raise UnknownError
        if getattr(compiler, "col_count", None) is not None:
            columns = [column[0] for column in compiler.select[: compiler.col_count]]
            converters, composites = compiler.get_converters(columns), compiler.has_composite_fields(columns)
            compiler.get_converters = lambda _columns: converters
            compiler.has_composite_fields = lambda _columns: composites
            if compiler.klass_info:
                compiler.klass_info[KEPT] = None

    def parameters(self, values: list[Any]) -> tuple[Any, ...]:
        ops = self.compiler.connection.ops
        parameters = list(self._fixed)
        for number, place, begins in self._places:
            value = values[place]
            if type(value) is UUID:
                value = value.hex
            elif isinstance(value, dt.datetime):
                value = ops.adapt_datetimefield_value(value)
            parameters[number] = f"{ops.prep_for_like_query(value)}%" if begins else value
        return tuple(parameters)

    def with_values(self, values: list[Any], first: tuple[Any, ...] = ()) -> Any:
        """Return a compiler whose query has these values."""
        compiler = copy.copy(self.compiler)
        if self.text is None:
            compiler.as_sql = _nothing_found
            return compiler
        answer = (self.text, first + self.parameters(values))
        compiler.as_sql = lambda *_args, **_named: answer
        return compiler


def _nothing_found(*_args: Any, **_named: Any) -> Any:
    raise EmptyResultSet


def done(query: Any, name: str, args: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    """Do something to a query, and return it, or the one that comes of it."""
    if name == "set":
        setattr(query, *args)
    elif name == "exists":
        return query.exists()
    else:
        getattr(query, name)(*args, **named)
    return query


class State:
    """All queries to which the same was done, apart from their values."""

    def __init__(self, former: State | None, act: Callable[[Any, list[Any]], Any] | None, model: type[Model]) -> None:
        self._former, self._act, self.model = former, act, model
        self.following: dict[Any, State] = {}
        self.updates: dict[Any, Plan | None] = {}
        self._plans: dict[str, Plan | None] = {}
        self._query: Any = None
        self.marks: list[Any] = []
        self.attributes: dict[str, Any] = {}

    @property
    def query(self) -> Any:
        """The query, with marks for values."""
        if self._query is None:
            if self._former is None or self._act is None:
                self._query = sql.Query(self.model)
            else:
                query = self._former.query.chain()
                self.marks = list(self._former.marks)
                self._query = self._act(query, self.marks)
        return self._query

    def read(self, name: str) -> Any:
        if name not in self.attributes:
            self.attributes[name] = getattr(self.query, name)
        return self.attributes[name]

    def plan(self, using: str, *, exists: bool = False, deletes: bool = False) -> Plan:
        name = "exists" if exists else "deletes" if deletes else using
        if name not in self._plans:
            try:
                query = self.query.exists() if exists else self.query.chain()
                if deletes:
                    query.__class__ = sql.DeleteQuery
                self._plans[name] = Plan(query.get_compiler(using), self.marks)
            except NOT_FOR_MARKS:
                self._plans[name] = None
        plan = self._plans[name]
        if plan is None:
            raise UnknownError
        return plan
