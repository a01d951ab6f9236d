"""Django's queries, built once for all histories: building them takes most of a history's time.

A query is recorded instead of built: what is done to it leads from one ``State`` to the next, and the values that it
compares with are kept beside. Each state is built and compiled once; later queries of the same state only get their
own values. What is not known here (most expressions and annotations) is built as ever. ``CHECKS`` builds each query
anew as well, and compares.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.backends.sqlite3.base import SQLiteCursorWrapper
from django.db.models import Model, Q, QuerySet, sql
from django.db.models import query as django_query
from django.db.models.sql.compiler import SQLInsertCompiler
from django.db.models.sql.constants import SINGLE

from tests.simulation.query_plans import (
    AGGREGATES,
    KEPT,
    NOT_FOR_MARKS,
    Plan,
    State,
    UnknownError,
    described,
    done,
    marked,
)

CHECKS = False
"""Whether each query is built anew as well, to compare its text and parameters; a slow thing."""
_READ_ONLY = frozenset(
    {
        *("combinator", "is_sliced", "distinct_fields", "select_for_update", "order_by", "extra_order_by", "group_by"),
        *("default_ordering", "extra_select", "annotation_select", "values_select", "annotations", "can_filter"),
        *("get_meta", "has_filters", "is_empty", "_filtered_relations", "default_cols", "select_related"),
    }
)
"""What of a query does not depend on the values that it compares with."""
_SETTINGS = frozenset(
    {
        *("select_for_update", "select_for_update_nowait", "select_for_update_skip_locked", "select_for_update_of"),
        *("select_for_no_key_update", "select_related", "subquery"),
    }
)
_FIRST: dict[type[Model], State] = {}


class Recorded:
    """Stands in for a ``Query``, and becomes a real one where something is asked that is not known here."""

    def __init__(self, state: State, values: list[Any], acts: tuple[Any, ...] = ()) -> None:
        mine = self.__dict__
        mine["model"] = state.model
        mine["recorded_state"], mine["recorded_values"], mine["recorded_acts"] = state, values, acts
        mine["_real"] = None
        mine["deletes"] = False

    @property
    def is_recorded(self) -> bool:
        """Whether it has not become a real one."""
        return self._real is None

    # ---- what is recorded -------------------------------------------------------------------------------------------

    def _record(self, name: str, args: tuple[Any, ...], named: Mapping[str, Any], key: Any, own: list[Any]) -> None:
        state: State = self.recorded_state
        following = state.following.get((name, key))
        if following is None:

            def act(query: Any, marks: list[Any]) -> Any:
                return done(query, name, (marked(args[0], marks),) if name == "add_q" else args, named)

            following = state.following[name, key] = State(state, act, state.model)
        mine = self.__dict__
        mine["recorded_state"] = following
        mine["recorded_values"] = self.recorded_values + own if own else self.recorded_values
        mine["recorded_acts"] = (*self.recorded_acts, (name, args, named))

    def add_q(self, q: Q) -> None:
        if self._real is not None:
            self._real.add_q(q)
            return
        own: list[Any] = []
        try:
            key = described(q, own)
        except UnknownError:
            self.real.add_q(q)
            return
        self._record("add_q", (q,), {}, key, own)

    def _structure(self, name: str, args: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        if self._real is None and _are_plain(args):
            self._record(name, args, named, (args, tuple(named.items())), [])
        else:
            getattr(self.real, name)(*args, **named)

    def add_select_related(self, fields: Iterable[str]) -> None:
        self._structure("add_select_related", (tuple(fields),), {})

    def add_ordering(self, *ordering: Any) -> None:
        self._structure("add_ordering", ordering, {})

    def clear_ordering(self, force: bool = False, clear_default: bool = True) -> None:
        self._structure("clear_ordering", (), {"force": force, "clear_default": clear_default})

    def set_limits(self, low: int | None = None, high: int | None = None) -> None:
        self._structure("set_limits", (low, high), {})

    def set_values(self, fields: Iterable[str]) -> None:
        self._structure("set_values", (tuple(fields),), {})

    def add_immediate_loading(self, names: Iterable[str]) -> None:
        self._structure("add_immediate_loading", (tuple(names),), {})

    def add_deferred_loading(self, names: Iterable[str]) -> None:
        self._structure("add_deferred_loading", (tuple(names),), {})

    def add_annotation(self, annotation: Any, alias: str, select: bool = True) -> None:
        if self._real is None and type(annotation) in AGGREGATES:
            named = {"select": select}
            self._record("add_annotation", (annotation, alias), named, (annotation, alias, select), [])
        else:
            self.real.add_annotation(annotation, alias, select)

    def set_group_by(self, allow_aliases: bool = True) -> None:
        self._structure("set_group_by", (), {"allow_aliases": allow_aliases})

    def add_distinct_fields(self, *names: str) -> None:
        self._structure("add_distinct_fields", names, {})

    def clear_select_fields(self) -> None:
        self._structure("clear_select_fields", (), {})

    def __setattr__(self, name: str, value: Any) -> None:
        if self._real is None and name == "__class__" and value is sql.DeleteQuery:
            # As a deletion makes of a copy of its query.
            self.__dict__["deletes"] = True
            return
        if self._real is None and name in _SETTINGS:
            self._record("set", (name, value), {}, (name, value), [])
        else:
            setattr(self.real, name, value)

    # ---- what is asked ----------------------------------------------------------------------------------------------

    def chain(self, klass: Any = None) -> Any:
        if self._real is not None:
            return self._real.chain(klass)
        if klass is None:
            return Recorded(self.recorded_state, self.recorded_values, self.recorded_acts)
        if klass is sql.UpdateQuery and not self.order_by and not self.annotations and self._real is None:
            return _RecordedUpdate(self)
        return self.real.chain(klass)

    def clone(self) -> Any:
        return self.chain()

    def exists(self, limit: bool = True) -> Any:
        if self._real is not None or not limit:
            return self.real.exists(limit)
        found = Recorded(self.recorded_state, self.recorded_values, self.recorded_acts)
        found._record("exists", (), {}, (), [])
        return found

    def get_compiler(self, using: str | None = None, connection: Any = None, elide_empty: bool = True) -> Any:
        # With a connection it becomes a part of another query.
        if self._real is None and using is not None and connection is None:
            try:
                plan = self.recorded_state.plan(using, deletes=self.deletes)
                compiler = plan.with_values(self.recorded_values)
            except UnknownError:
                pass
            else:
                _compare(compiler, lambda: self._built().get_compiler(using))
                return compiler
        return self.real.get_compiler(using, connection, elide_empty)

    def has_results(self, using: str) -> bool:
        if self._real is not None:
            return bool(self._real.has_results(using))
        try:
            compiler = self.recorded_state.plan(using, exists=True).with_values(self.recorded_values)
        except UnknownError:
            return bool(self.real.has_results(using))
        _compare(compiler, lambda: self._built().exists().get_compiler(using))
        return bool(compiler.execute_sql(SINGLE))

    def _built(self) -> Any:
        query: Any = sql.Query(self.model)
        for name, args, named in self.recorded_acts:
            query = done(query.chain(), name, args, named)
        if self.deletes:
            query.__class__ = sql.DeleteQuery
        return query

    @property
    def real(self) -> Any:
        """The query itself; from now on this one is it."""
        if self._real is None:
            self.__dict__["_real"] = self._built()
        return self._real

    def __getattr__(self, name: str) -> Any:
        mine = self.__dict__
        if mine["_real"] is None:
            known = mine["recorded_state"].attributes
            if name in known:
                return known[name]
            if name in _READ_ONLY:
                with suppress(*NOT_FOR_MARKS):
                    return mine["recorded_state"].read(name)
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.real, name)

    def __copy__(self) -> Any:
        return copy.copy(self.real)

    def __deepcopy__(self, memo: Any) -> Any:
        return copy.deepcopy(self.real, memo)

    def __str__(self) -> str:
        return str(self.real)


def _are_plain(args: Iterable[Any]) -> bool:
    return all(
        one is None
        or isinstance(one, (str, int))
        or (isinstance(one, tuple) and all(isinstance(part, str) for part in one))
        for one in args
    )


class _RecordedUpdate:
    """Stands in for an ``UpdateQuery``: what is set is prepared by the fields, as the compiler does."""

    def __init__(self, selected: Recorded) -> None:
        self._selected = selected
        self._values: list[tuple[Any, Any, Any]] = []
        self._real: Any = None
        self.order_by: Any = ()
        self.annotations: Any = {}

    def add_update_values(self, values: Mapping[str, Any]) -> None:
        model = self._selected.model
        fields = [model._meta.get_field(name) for name in values]
        if any(not field.concrete or field.model is not model for field in fields):
            self._become_real().add_update_values(values)
            return
        self.add_update_fields([(field, model, values[name]) for field, name in zip(fields, values, strict=True)])

    def add_update_fields(self, values: Iterable[tuple[Any, Any, Any]]) -> None:
        values = list(values)
        if any(hasattr(value, "resolve_expression") for _field, _model, value in values):
            self._become_real().add_update_fields(values)
        else:
            self._values = values

    def _become_real(self) -> Any:
        if self._real is None:
            self._real = self._selected._built().chain(sql.UpdateQuery)
        return self._real

    def clear_select_clause(self) -> None:
        if self._real is not None:
            self._real.clear_select_clause()

    def get_compiler(self, using: str) -> Any:
        if self._real is not None:
            return self._real.get_compiler(using)
        connection, state = connections[using], self._selected.recorded_state
        prepared = []
        for field, _model, value in self._values:
            own = value.prepare_database_save(field) if hasattr(value, "prepare_database_save") else value
            prepared.append(field.get_db_prep_save(own, connection=connection))
        key = tuple(
            (field, value is None) for (field, _model, _value), value in zip(self._values, prepared, strict=True)
        )
        first = tuple(value for value in prepared if value is not None)

        def built(query: Any) -> Any:
            update = query.chain(sql.UpdateQuery)
            update.add_update_fields(self._values)
            update.clear_select_clause()
            return update.get_compiler(using)

        if key not in state.updates:
            try:
                state.updates[key] = Plan(built(state.query), state.marks, skipped=len(first))
            except NOT_FOR_MARKS:
                state.updates[key] = None
        plan = state.updates[key]
        if plan is None:
            return built(self._selected._built())
        compiler = plan.with_values(self._selected.recorded_values, first)
        _compare(compiler, lambda: built(self._selected._built()))
        return compiler


def _compare(compiler: Any, build: Callable[[], Any]) -> None:
    if CHECKS:
        found = []
        for one in (compiler, build()):
            try:
                text, parameters = one.as_sql()
                found.append((text, tuple(parameters)))
            except EmptyResultSet:
                found.append(("", ()))
        if found[0] != found[1]:
            raise AssertionError(f"A recorded query is {found[0]}, and should be {found[1]}")


_INSERTS: dict[Any, str] = {}


def _insert_as_sql(compiler: Any) -> Any:
    query = compiler.query
    fields, objects = query.fields, query.objs
    if len(objects) != 1 or not fields or query.on_conflict is not None:
        return _REAL_INSERT(compiler)
    values = [compiler.pre_save_val(field, objects[0]) for field in fields]
    if any(hasattr(value, "resolve_expression") for value in values):
        return _REAL_INSERT(compiler)
    key = (query.model, tuple(fields), tuple(compiler.returning_fields or ()))
    text = _INSERTS.get(key)
    if text is None:
        text = _INSERTS[key] = _REAL_INSERT(compiler)[0][0]
    connection = compiler.connection
    return [
        (
            text,
            tuple(
                field.get_db_prep_save(value, connection=connection)
                for field, value in zip(fields, values, strict=True)
            ),
        )
    ]


_REAL_INSERT: Any = SQLInsertCompiler.as_sql
_REAL_CONVERT: Any = SQLiteCursorWrapper.convert_query
_REAL_INIT: Any = QuerySet.__init__
_REAL_POPULATORS: Any = django_query.get_related_populators


def _init(self: Any, model: Any = None, query: Any = None, using: Any = None, hints: Any = None) -> None:
    if query is None and model is not None:
        state = _FIRST.get(model)
        if state is None:
            state = _FIRST[model] = State(None, None, model)
        query = Recorded(state, [])
    _REAL_INIT(self, model, query, using, hints)


def _populators(klass_info: Any, select: Any, db: str) -> Any:
    if KEPT not in klass_info:
        return _REAL_POPULATORS(klass_info, select, db)
    if klass_info[KEPT] is None:
        klass_info[KEPT] = _REAL_POPULATORS(klass_info, select, db)
    return klass_info[KEPT]


@functools.cache
def _converted_once(text: str) -> str:
    converted: str = _REAL_CONVERT(None, text)
    return converted


def _converted(cursor: Any, text: str, *, param_names: Any = None) -> str:
    if param_names is not None:
        converted: str = _REAL_CONVERT(cursor, text, param_names=param_names)
        return converted
    return _converted_once(text)


def record_queries() -> None:
    """Let all queries of this process be recorded, from now on."""
    instead: tuple[tuple[object, str, object], ...] = (
        (SQLiteCursorWrapper, "convert_query", _converted),
        (QuerySet, "__init__", _init),
        (SQLInsertCompiler, "as_sql", _insert_as_sql),
        (django_query, "get_related_populators", _populators),
    )
    for holder, name, one in instead:
        setattr(holder, name, one)
