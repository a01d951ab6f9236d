"""Attributes of a resource: their JSON types, and their columns in the models."""

from __future__ import annotations

import base64
import datetime as dt
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import Any

from django.db import models

from workspaces.actors import Actor
from workspaces.api.errors import InvalidValue
from workspaces.encryption import EncryptedTextField


class Kind(StrEnum):
    """An attribute's JSON type; DATE is text with minutes, TEXTS an array of text."""

    TEXT = "text"
    FLAG = "true or false"
    NUMBER = "a whole number"
    DATE = "a date"
    TEXTS = "an array of text"


class Writing(Enum):
    """When a client may set an attribute. What is sent for NEVER is passed over, as the server sets it."""

    ALWAYS = "always"
    ON_CREATION = "on creation"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One attribute; ``column`` is where a filter or sort looks, None when it can do neither.

    ``read`` gives its JSON value, None when it is never shown. ``shown`` may leave it out for a record and a reader.
    ``look_up`` gives the reader of all records of a page, where a value of each takes queries. No sentence quotes what
    was sent for one that is ``secret``. ``lenient`` choices are plain text in Terrakube: any letter case counts, and
    null or empty text says nothing.
    """

    name: str
    kind: Kind = Kind.TEXT
    column: str | None = None
    read: Callable[[Any], Any] | None = None
    shown: Callable[[Any, Actor], bool] | None = None
    look_up: Callable[[Sequence[Any]], Callable[[Any], Any]] | None = None
    nullable: bool = True
    choices: tuple[str, ...] = ()
    max_length: int | None = None
    required: bool = False
    writing: Writing = Writing.ALWAYS
    secret: bool = False
    lenient: bool = False
    description: str = ""


AUDIT = frozenset({"createdBy", "createdDate", "updatedBy", "updatedDate"})
"""What Terrakube's library sends for every type, also for one that doesn't show them."""


def is_readable(attribute: Attribute) -> bool:
    """Return whether an attribute is ever shown."""
    return attribute.read is not None or attribute.look_up is not None


def date_text(moment: dt.datetime | None) -> str | None:
    """Format a date as Terrakube does, to the minute and in UTC."""
    return None if moment is None else moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%MZ")


def clean_text(value: str, *, secret: bool = False) -> str:
    """Return text that every database can store. Raises InvalidValue for NUL and for a lone surrogate."""
    if "\0" in value:
        raise InvalidValue(value.replace("\0", "␀"), "text without the character NUL", secret=secret)
    try:
        value.encode()
    except UnicodeEncodeError:
        told = value.encode(errors="replace").decode()
        raise InvalidValue(told, "text of whole Unicode characters", secret=secret) from None
    return value


def parse(attribute: Attribute, value: Any) -> Any:
    """A JSON value as the services take it. Raises InvalidValue for another type or a value outside the choices."""
    value = _plain(attribute, value)
    if value is None:
        if attribute.nullable:
            return None
        raise InvalidValue("null", f"{attribute.name} is {_expected_kind(attribute)}")
    kinds: dict[Kind, type] = {Kind.FLAG: bool, Kind.NUMBER: int, Kind.TEXTS: list}
    if type(value) is not kinds.get(attribute.kind, str):
        raise InvalidValue(value, f"{attribute.name} is {_expected_kind(attribute)}", secret=attribute.secret)
    if isinstance(value, list):
        if not all(isinstance(item, str) for item in value):
            raise InvalidValue(value, f"{attribute.name} is {attribute.kind}")
        return [clean_text(item) for item in value]
    if isinstance(value, str):
        clean_text(value, secret=attribute.secret)
        if attribute.choices and value not in attribute.choices:
            raise InvalidValue(value, f"{attribute.name} is {_expected_kind(attribute)}", secret=attribute.secret)
    return value


def says_nothing(attribute: Attribute, value: Any) -> bool:
    """Return whether a value leaves the default, or what is stored, as it is."""
    return attribute.lenient and (value is None or (isinstance(value, str) and not value.strip()))


def as_flag(value: Any) -> Any:
    """Return a JSON value, with true and false for these words as text."""
    return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value


def _plain(attribute: Attribute, value: Any) -> Any:
    """Return a value as the site writes it, for the other forms that Terrakube reads."""
    if attribute.kind is Kind.FLAG:
        return as_flag(value)
    if attribute.lenient and isinstance(value, str):
        word = value.strip()
        return next((choice for choice in attribute.choices if choice.lower() == word.lower()), value)
    return value


def _expected_kind(attribute: Attribute) -> str:
    return f"one of {', '.join(attribute.choices)}" if attribute.choices else str(attribute.kind)


# ---- attributes that stand in columns -------------------------------------------------------------------------------


def snake(name: str) -> str:
    return re.sub(r"([A-Z])", r"_\1", name).lower()


def _kind(field: models.Field[Any, Any]) -> Kind:
    if isinstance(field, models.BooleanField):
        return Kind.FLAG
    if isinstance(field, models.DateTimeField):
        return Kind.DATE
    return Kind.NUMBER if isinstance(field, models.IntegerField) else Kind.TEXT


def _reader(column: str, kind: Kind) -> Callable[[Any], Any]:
    if kind is Kind.DATE:
        return lambda record: date_text(getattr(record, column))
    return lambda record: getattr(record, column)


def of_column(model: type[models.Model], name: str, **changes: Any) -> Attribute:
    """Return the attribute of a model's field, with its name in camel case."""
    column = snake(name)
    field: models.Field[Any, Any] = model._meta.get_field(column)  # type: ignore[assignment]
    kind = _kind(field)
    # Text with a default may be missing or null; the model's validation reports empty text.
    optional = field.null or (kind is Kind.TEXT and field.has_default() and field.blank)
    attribute = Attribute(
        name=name,
        kind=kind,
        # Each encryption of a value differs, so it cannot be compared.
        column=None if isinstance(field, EncryptedTextField) else column,
        read=_reader(column, kind),
        nullable=optional,
        choices=tuple(str(value) for value, _ in field.flatchoices),
        max_length=field.max_length,
        required=not field.null and not field.has_default() and not field.blank,
        writing=Writing.NEVER if kind is Kind.DATE else Writing.ALWAYS,
        secret=isinstance(field, EncryptedTextField),
    )
    return replace(attribute, **changes)


def of_columns(model: type[models.Model], names: str, **changes: Any) -> tuple[Attribute, ...]:
    return tuple(of_column(model, name, **changes) for name in names.split())


def told(model: type[models.Model], name: str, description: str = "", **changes: Any) -> Attribute:
    """Return a read-only attribute of a text column; null where the text is empty."""
    column = snake(name)

    def read(record: Any) -> str | None:
        return getattr(record, column) or None

    return of_column(model, name, read=read, writing=Writing.NEVER, description=description, **changes)


def audit(model: type[models.Model]) -> tuple[Attribute, ...]:
    """Return the attributes of who created and last changed a record, and when."""
    people = tuple(told(model, name, required=False) for name in ("createdBy", "updatedBy"))
    return (*people, *of_columns(model, "createdDate updatedDate", writing=Writing.NEVER, required=False))


def reference(name: str, field: str, *, none: str | None = None, **changes: Any) -> Attribute:
    """Return an attribute with the id of another record, stored as a foreign key; ``none`` is shown without one."""

    def read(record: Any) -> str | None:
        key = getattr(record, f"{field}_id")
        return none if key is None else str(key)

    return replace(Attribute(name=name, column=f"{field}_id", read=read, max_length=36), **changes)


def constant(name: str, value: Any = None, *, kind: Kind = Kind.TEXT) -> Attribute:
    """Return an attribute that clients expect and that always has the same value here."""
    return Attribute(name=name, kind=kind, read=lambda record: value, writing=Writing.NEVER)


# ---- values that are carried in another form ------------------------------------------------------------------------


def encode_flow(text: str | None) -> str | None:
    """Return a flow's YAML in base64, as the API carries it; None for none."""
    return base64.b64encode(text.encode()).decode() if text else None


def decode_flow(name: str, text: str | None) -> str:
    """Decode a flow's YAML from base64; empty for None. Raises InvalidValue."""
    if not text:
        return ""
    unpadded = "".join(text.split()).rstrip("=")
    try:
        return clean_text(base64.b64decode(unpadded + "=" * (-len(unpadded) % 4), validate=False).decode())
    except ValueError:
        raise InvalidValue(text, f"{name} is YAML in base64") from None


def key(model: type[models.Model], text: object) -> Any:
    """Parse a record's primary key; None for a number out of range. Raises InvalidValue."""
    if not isinstance(text, str):
        raise InvalidValue(text, "an id is text")
    if isinstance(model._meta.pk, models.UUIDField):
        try:
            return uuid.UUID(clean_text(text))
        except ValueError:
            raise InvalidValue(text, "an id is a UUID") from None
    if not re.fullmatch(r"[0-9]+", text):
        raise InvalidValue(text, "the id of a job is a whole number")
    return int(text) if len(text) < 19 else None


def by_name(attributes: Iterable[Attribute]) -> Mapping[str, Attribute]:
    """Return attributes by name, in the order of output."""
    return {attribute.name: attribute for attribute in sorted(attributes, key=lambda found: found.name)}
