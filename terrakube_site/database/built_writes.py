"""INSERTs and UPDATEs that are built once and executed often.

Django writes the text of each anew and asks each column several times what to store, which for a table of forty columns
takes longer than the database does. Here the text is Django's own, kept, and PostgreSQL parses and plans it once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.constants import OnConflict
from django.db.models.sql.subqueries import InsertQuery, UpdateQuery

from terrakube_site.database import prepared

_MOST_ROWS = 20
"""In one statement; more are stored by Django."""
_MOST_UPDATES = 100
_NONE = frozenset({type(None)})
_UNCHANGED: dict[type[models.Field[Any, Any]], frozenset[type]] = {
    models.CharField: _NONE | {str},
    models.TextField: _NONE | {str},
    models.BooleanField: _NONE | {bool},
    models.DateTimeField: _NONE,
    models.DurationField: _NONE,
    models.IntegerField: _NONE,
    models.PositiveIntegerField: _NONE,
    models.BigIntegerField: _NONE,
    models.PositiveBigIntegerField: _NONE,
    models.UUIDField: _NONE,
    models.JSONField: _NONE,
    models.ForeignKey: _NONE,
    models.OneToOneField: _NONE,
}
"""Types of values that these very fields store as they are; a subclass of one may change them, as by encryption."""


class _Unusual(Exception):
    """Django has to write this statement itself."""


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of an INSERT: ``is_read`` if the record's value is taken as it is, without the field's ``pre_save``."""

    field: Any
    name: str
    is_read: bool
    unchanged: frozenset[type]


@dataclass(frozen=True, slots=True)
class _Insert:
    """An INSERT that was built; ``converters`` are Django's for the values it returns, each with its place."""

    text: str
    columns: tuple[_Column, ...]
    returns: bool
    converters: tuple[tuple[int, Sequence[Callable[..., Any]], Any], ...]


@dataclass(frozen=True, slots=True)
class Replacing:
    """Names of the fields of which only one record may have the values, and of those in which a new one replaces it."""

    unique: tuple[str, ...]
    changed: tuple[str, ...]


class BuiltInserts:
    """INSERTs of a model: they store what ``bulk_create`` does, and send no signals either."""

    def __init__(
        self, model: type[models.Model], *, ignore_conflicts: bool = False, replacing: Replacing | None = None
    ) -> None:
        self._model = model
        self._conflicts: dict[str, Any] = {"ignore_conflicts": True} if ignore_conflicts else {}
        self._clause: dict[str, Any] = {"on_conflict": OnConflict.IGNORE} if ignore_conflicts else {}
        if replacing is not None:
            names = {"unique_fields": replacing.unique, "update_fields": replacing.changed}
            self._conflicts = {"update_conflicts": True, **names}
            fields = {kind: [model._meta.get_field(name) for name in found] for kind, found in names.items()}
            self._clause = {"on_conflict": OnConflict.UPDATE, **fields}
        self._built: dict[tuple[Any, ...], _Insert] = {}

    def store(self, records: Sequence[models.Model]) -> None:
        """Store new records, of which nothing is read back. Raises IntegrityError."""
        meta = self._model._meta
        fields = [field for field in meta.local_concrete_fields if field is not meta.auto_field]
        with transaction.mark_for_rollback_on_error(DEFAULT_DB_ALIAS):
            done = self.insert(records, fields, ())
        if done is None:
            self._model._base_manager.bulk_create(records, **self._conflicts)
        for record in records:
            record._state.adding, record._state.db = False, DEFAULT_DB_ALIAS

    def insert(
        self, records: Sequence[models.Model], fields: Sequence[Any], returning: Sequence[Any]
    ) -> list[list[Any]] | None:
        """Insert records, and return the values of ``returning``; None if nothing is done, and Django has to."""
        if not 0 < len(records) <= (1 if returning else _MOST_ROWS):
            return None
        connection = connections[DEFAULT_DB_ALIAS]
        # Names, since the hash of a field is computed by Python code.
        key = (connection.vendor, len(records), len(returning), *[field.attname for field in fields])
        try:
            built = self._built.get(key)
            if built is None:
                built = self._built[key] = self._build(connection, records, fields, returning)
            parameters: list[Any] = []
            for record in records:
                for column in built.columns:
                    value = getattr(record, column.name) if column.is_read else column.field.pre_save(record, True)
                    if type(value) not in column.unchanged:
                        value = _stored(column.field, value, connection)
                    parameters.append(value)
        except _Unusual:
            return None
        return _executed(connection, partial(_insert, connection, built, parameters))

    def _build(
        self, connection: BaseDatabaseWrapper, records: Sequence[models.Model], fields: Sequence[Any], returning: Any
    ) -> _Insert:
        if returning and not connection.features.can_return_columns_from_insert:
            raise _Unusual
        query: Any = InsertQuery(self._model, **self._clause)
        query.insert_values(fields, records[:1])
        compiler = query.get_compiler(DEFAULT_DB_ALIAS)
        compiler.returning_fields = returning
        ((text, parameters),) = compiler.as_sql()
        _check(fields, text, parameters)
        row = f"({', '.join(['%s'] * len(fields))})"
        if text.count(row) != 1 or len(parameters) != len(fields):
            raise _Unusual
        columns = []
        for field in fields:
            unchanged = _UNCHANGED.get(type(field), frozenset())
            # A date may be set whenever its record is stored.
            is_dated = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
            columns.append(_Column(field, field.attname, bool(unchanged) and not is_dated, unchanged))
        converters = compiler.get_converters([field.get_col(self._model._meta.db_table) for field in returning])
        return _Insert(
            text.replace(row, ", ".join([row] * len(records))),
            tuple(columns),
            bool(returning),
            tuple((place, convert, expression) for place, (convert, expression) in converters.items()),
        )


class WrittenOften(models.Model):
    """A model that is saved by statements that are built once; all else of ``save`` and ``create`` is Django's."""

    class Meta:
        abstract = True

    def _do_insert(self, manager: Any, using: Any, fields: Any, returning_fields: Any, raw: bool) -> Any:
        if using == DEFAULT_DB_ALIAS and not raw:
            rows = _inserts_of(manager.model).insert([self], fields, returning_fields)
            if rows is not None:
                return rows
        return super()._do_insert(manager, using, fields, returning_fields, raw)  # type: ignore[misc]

    def _do_update(self, base_qs: Any, using: Any, pk_val: Any, values: Any, *args: Any, **kwargs: Any) -> Any:
        if using == DEFAULT_DB_ALIAS and values and not base_qs.query.where:
            count = _update(base_qs.model, pk_val, [(field, value) for field, _model, value in values])
            if count is not None:
                return count > 0
        return super()._do_update(base_qs, using, pk_val, values, *args, **kwargs)


@cache
def _inserts_of(model: type[models.Model]) -> BuiltInserts:
    return BuiltInserts(model)


type Among = tuple[str, frozenset[str]]
"""A column of text, and the values, at least one, of which it has to have one; else the record is not changed."""


def update_by_key(model: type[models.Model], key: UUID | int, *, among: Among | None = None, **values: Any) -> int:
    """Change columns of the record with a key as ``QuerySet.update`` does; returns 0 if there is none, else 1."""
    with transaction.mark_for_rollback_on_error(DEFAULT_DB_ALIAS):
        count = _update(model, key, [(model._meta.get_field(name), value) for name, value in values.items()], among)
    return _with_key(model, key, among).update(**values) if count is None else count


_updates: dict[tuple[Any, ...], str] = {}


def _update(
    model: type[models.Model], key: Any, values: Sequence[tuple[Any, Any]], among: Among | None = None
) -> int | None:
    """Change columns of the record with a key; None if nothing is done, and Django has to."""
    connection = connections[DEFAULT_DB_ALIAS]
    try:
        parameters = [
            value if type(value) in _UNCHANGED.get(type(field), ()) else _stored(field, value, connection)
            for field, value in values
        ]
        # Django writes NULL into the text.
        columns = [(field.attname, value is None) for (field, _), value in zip(values, parameters, strict=True)]
        shape = (connection.vendor, model, among, *columns)
        text = _updates.get(shape)
        if text is None:
            if len(_updates) >= _MOST_UPDATES:
                _updates.clear()
            text = _updates[shape] = _text_of_update(model, key, values, among)
        parameters = [value for value in parameters if value is not None]
        parameters.append(_stored(model._meta.pk, key, connection))
        if among is not None:
            parameters += _in_order(among)
    except _Unusual:
        return None
    return _executed(connection, partial(_change, connection, text, parameters))


def _with_key(model: type[models.Model], key: Any, among: Among | None) -> models.QuerySet[Any]:
    found = model._base_manager.filter(pk=key)
    return found if among is None else found.filter(**{f"{among[0]}__in": _in_order(among)})


def _in_order(among: Among) -> list[str]:
    """Return the values in the order in which they stand in the text."""
    return sorted(among[1])


def _text_of_update(model: type[models.Model], key: Any, values: Sequence[tuple[Any, Any]], among: Among | None) -> str:
    query: Any = _with_key(model, key, among).query.chain(UpdateQuery)
    query.add_update_fields([(field, None, value) for field, value in values])
    text, parameters = query.get_compiler(DEFAULT_DB_ALIAS).as_sql()
    _check([field for field, _value in values], text, parameters)
    return str(text)


def _check(fields: Iterable[Any], text: str, parameters: Sequence[Any]) -> None:
    """Raise _Unusual if a field's value changes the text, or if that has other marks than those of its parameters."""
    if any(hasattr(field, "get_placeholder") for field in fields) or text.count("%") != len(parameters):
        raise _Unusual


def _stored(field: Any, value: Any, connection: BaseDatabaseWrapper) -> Any:
    """Return a value as the database gets it. Raises _Unusual for an expression, such as the database's default."""
    if hasattr(value, "resolve_expression") or hasattr(value, "prepare_database_save"):
        raise _Unusual
    stored = field.get_db_prep_save(value, connection=connection)
    if hasattr(stored, "as_sql"):
        raise _Unusual
    return stored


def _executed[T](connection: BaseDatabaseWrapper, execute: Callable[[], T]) -> T:
    return prepared.with_plans_kept(connection, execute) if connection.vendor == "postgresql" else execute()


def _insert(connection: BaseDatabaseWrapper, built: _Insert, parameters: Sequence[Any]) -> list[list[Any]]:
    with connection.cursor() as cursor:
        cursor.execute(built.text, parameters)
        if not built.returns:
            return []
        row = list(cursor.fetchone())
    for place, converters, expression in built.converters:
        for convert in converters:
            row[place] = convert(row[place], expression, connection)
    return [row]


def _change(connection: BaseDatabaseWrapper, text: str, parameters: Sequence[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(text, parameters)
        return int(cursor.rowcount)
