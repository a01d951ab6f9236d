"""What a resource is: a type of the API, its records, and what clients may do with them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.db.models import QuerySet

from workspaces.actors import Actor
from workspaces.api.jsonapi import attributes
from workspaces.api.jsonapi.attributes import Attribute, as_flag
from workspaces.querysets import Scope, ScopedQuerySet, cached_scope, scope_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Relationship:
    """A path from a record to others.

    ``field`` is the foreign key: on the record itself for one other, on the others for many. With ``single`` at most
    one of the others has it, so documents show one identifier or null. A relationship without ``type`` leads to what
    this installation does not have, and is always empty; clients expect it all the same.
    """

    name: str
    type: str = ""
    field: str = ""
    many: bool = False
    single: bool = False
    through: bool = False
    required: bool = False
    writable: bool = False

    @property
    def column(self) -> str:
        """The name under which the others have the key of this record."""
        return self.field if self.through else f"{self.field}_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a client sends for one record: the attributes and relationships that it names.

    ``key`` is the id that it chose for a new record, None if it chose none or may not.
    """

    key: Any = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    related: Mapping[str, Any] = field(default_factory=dict)


type Model = type[models.Model]
type Create = Callable[[Change, Actor], models.Model]
type Update = Callable[[Any, Change, Actor], None]
type Delete = Callable[[Any, Actor], None]
type Told = Callable[[Any], Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A type of the API.

    ``root`` types are collections of their own below /api/v1, the others only below a parent. ``joined`` are the
    foreign keys that the services will follow. What ``create``, ``update`` or ``delete`` is None for, no client may do.
    ``tolerated`` are attributes that clients send and that mean nothing any more. ``hides`` is the attribute that
    deletes softly: what it hides is found only by who asks for it, or takes it back. With ``client_ids`` a client may
    choose the id of a new record. ``told`` returns what the answer to a create or update has as ``meta``; with nothing
    to tell an update is answered without a body.
    """

    type: str
    model: Model
    attributes: Mapping[str, Attribute]
    relationships: Mapping[str, Relationship]
    root: bool = False
    joined: tuple[str, ...] = ()
    tolerated: frozenset[str] = frozenset()
    narrow: Callable[[QuerySet[Any]], QuerySet[Any]] | None = None
    hides: str = ""
    client_ids: bool = False
    create: Create | None = None
    update: Update | None = None
    delete: Delete | None = None
    told: Told | None = None

    def everything(self, *, hidden: bool = False) -> QuerySet[Any]:
        """Return all records of the API, regardless of the caller: without softly deleted ones unless ``hidden``."""
        rows = self.model._default_manager.all()
        return self.narrow(rows) if self.narrow is not None and not hidden else rows

    def visible_to(self, actor: Actor, *, hidden: bool = False) -> QuerySet[Any]:
        """Return the records that an actor may read, to find one of them."""
        return self.within(scope_of(actor), hidden=hidden)

    def listed_to(self, actor: Actor, *, hidden: bool = False) -> QuerySet[Any]:
        """The same for many: two queries first, and then the database knows which index to use."""
        return self.within(cached_scope(actor), hidden=hidden)

    def restores(self, document: Any) -> bool:
        """Return whether a document restores a softly deleted record."""
        data = document.get("data") if isinstance(document, dict) else None
        attributes = data.get("attributes") if isinstance(data, dict) else None
        return bool(self.hides) and isinstance(attributes, dict) and as_flag(attributes.get(self.hides)) is False

    @property
    def asks_first(self) -> bool:
        """Return whether the rule who may read a record asks the database before its query is there."""
        return bool(getattr(self.model._default_manager.all(), "asks_first", False))

    def within(self, scope: Scope, *, hidden: bool) -> QuerySet[Any]:
        """Return the records within a scope."""
        rows = self.everything(hidden=hidden)
        if not isinstance(rows, ScopedQuerySet):
            raise TypeError(f"{self.type} has no rule for who may read it")
        return rows.within(scope)

    def columns(self, names: Collection[str]) -> list[str] | None:
        """Return the columns of these attributes and relationships; None if some need the whole record."""
        found = []
        for name in names:
            attribute, relationship = self.attributes.get(name), self.relationships.get(name)
            if attribute is not None:
                if attribute.column is None or attribute.shown is not None:
                    return None
                found.append(attribute.column)
            elif relationship is not None and relationship.type and not relationship.many:
                found.append(f"{relationship.field}_id")
        return found

    def key(self, text: object) -> Any:
        """Parse a record's key. Raises InvalidValue."""
        return attributes.key(self.model, text)


def make(
    type_name: str,
    model: type[models.Model],
    attributes_of: tuple[Attribute, ...],
    relationships: tuple[Relationship, ...],
    **others: Any,
) -> Resource:
    return Resource(
        type=type_name,
        model=model,
        attributes=attributes.by_name(attributes_of),
        relationships={found.name: found for found in sorted(relationships, key=lambda found: found.name)},
        **others,
    )


def to_one(name: str, field_name: str = "", *, type: str = "", **others: bool) -> Relationship:
    return Relationship(name=name, type=type or name, field=field_name or name, **others)


def to_many(name: str, field_name: str, *, type: str = "") -> Relationship:
    return Relationship(name=name, type=type or name, field=field_name, many=True)


def to_chosen(name: str, field_name: str, *, type: str) -> Relationship:
    """Return a relationship to many that may belong to other records too, and that clients set."""
    return Relationship(name=name, type=type, field=field_name, many=True, through=True, writable=True)


def to_single(name: str, field_name: str, *, type: str = "") -> Relationship:
    """Return a relationship to the one record that has a unique foreign key to this one, or to none."""
    return Relationship(name=name, type=type or name, field=field_name, many=True, single=True)


def nothing(name: str, *, many: bool = False) -> Relationship:
    """Return a relationship to what this installation does not have."""
    return Relationship(name=name, many=many)
