"""Where a path of the API leads: every relationship is a segment, and they nest freely.

/organization/O/workspace/W/variable/V        one record
/organization/O/workspace                     the collection of one record's related ones
/organization/O/job/J/relationships/step      the identifiers alone
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models import QuerySet

from workspaces.actors import Actor
from workspaces.api.errors import NotThere, ReadDenied, absent, shorten, unknown_attribute
from workspaces.api.jsonapi import registry
from workspaces.api.jsonapi.finding import Owner, find_record
from workspaces.api.jsonapi.resource import Relationship, Resource

_MAX_SEGMENTS = 20


@dataclass(frozen=True, slots=True)
class Collection:
    """Many records; ``owner`` is the record that they relate to, None at the root."""

    resource: Resource
    actor: Actor
    owner: models.Model | None = None
    relationship: Relationship | None = None

    @property
    def is_single(self) -> bool:
        """Whether it has at most one record, and is that record where a client reads it."""
        return self.relationship is not None and self.relationship.single

    @property
    def is_chosen(self) -> bool:
        """Whether its records are chosen among others, so that none is made here."""
        return self.relationship is not None and self.relationship.through

    def to_list(self, *, hidden: bool = False) -> QuerySet[Any]:
        """Return the rows for a list; with ``hidden`` also the softly deleted ones."""
        return self._of_owner(self.resource.listed_to(self.actor, hidden=hidden))

    def to_find(self) -> QuerySet[Any]:
        """Return the rows for finding the one that a single relationship leads to."""
        return self._of_owner(self.resource.visible_to(self.actor))

    def _of_owner(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        if self.owner is None or self.relationship is None:
            return rows
        return rows.filter(**{self.relationship.field: self.owner.pk})


@dataclass(frozen=True, slots=True)
class Element:
    """One record."""

    resource: Resource
    record: models.Model


@dataclass(frozen=True, slots=True)
class Nothing:
    """An empty relationship: no record, or none of many."""

    relationship: Relationship


@dataclass(frozen=True, slots=True)
class Link:
    """The relationship itself, as identifiers."""

    resource: Resource
    record: models.Model
    relationship: Relationship


type Target = Collection | Element | Link | Nothing


def find(path: str, actor: Actor, *, change: Any = None) -> Target:
    """Resolve a path as far as the actor may read. Raises NotThere, ReadDenied and InvalidValue.

    A ``change`` is the document of an update; one that restores a softly deleted record also finds it.
    """
    segments = path.strip("/").split("/")
    if len(segments) > _MAX_SEGMENTS:
        raise NotThere(f"Unknown collection {shorten(path)}")
    resource = registry.find(segments[0])
    if resource is None or not resource.root:
        raise absent(segments[0]) or NotThere(f"Unknown collection {shorten(segments[0])}")
    here: Target = Collection(resource, actor)
    position = 1
    while position < len(segments):
        name = segments[position]
        if isinstance(here, Collection) and here.is_single and name in {*here.resource.relationships, "relationships"}:
            # The id may be left out where there is one record.
            record = here.to_find().first()
            if record is None:
                raise NotThere(f"Unknown identifier [] for {here.resource.type}")
            here = Element(here.resource, record)
            continue
        if isinstance(here, Collection):
            hidden = position == len(segments) - 1 and here.resource.restores(change)
            here = Element(here.resource, _one(here, name, hidden=hidden))
        elif isinstance(here, Element) and name == "relationships" and position == len(segments) - 2:
            relationship = _relationship(here.resource, segments[-1])
            return Link(here.resource, here.record, relationship)
        elif isinstance(here, Element):
            here = _follow(here, name, actor)
            if isinstance(here, Element) and segments[position + 1 : position + 2] == [str(here.record.pk)]:
                # A to-one relationship may name the record's id as well.
                position += 1
        elif isinstance(here, Nothing) and (missing := absent(here.relationship.name)):
            raise missing
        else:
            raise NotThere(f"Unknown identifier {shorten(name)}")
        position += 1
    return here


def one(
    resource: Resource, text: object, actor: Actor, *, owner: Owner | None = None, hidden: bool = False
) -> models.Model:
    """Return the record with an id if the actor may read it, and if it belongs to the ``owner``.

    Raises NotThere, ReadDenied and InvalidValue.
    """
    key = resource.key(text)
    if key is not None:
        found = find_record(resource, key, actor, owner=owner, hidden=hidden)
        if found is not None:
            return found
        if owner is None and resource.everything().filter(pk=key).exists():
            raise ReadDenied
    shown = str(text) if owner is None else f"[{text}]"
    raise NotThere(f"Unknown identifier {shown} for {resource.type}")


def _one(collection: Collection, text: str, *, hidden: bool) -> models.Model:
    owner = None
    if collection.owner is not None and collection.relationship is not None:
        owner = Owner(field=collection.relationship.field, key=collection.owner.pk)
    return one(collection.resource, text, collection.actor, owner=owner, hidden=hidden)


def _relationship(resource: Resource, name: str) -> Relationship:
    relationship = resource.relationships.get(name)
    if relationship is None:
        raise absent(name) or unknown_attribute(name, resource.type)
    return relationship


def _follow(element: Element, name: str, actor: Actor) -> Target:
    relationship = _relationship(element.resource, name)
    if not relationship.type:
        return Nothing(relationship)
    target = registry.get(relationship.type)
    if relationship.many:
        return Collection(target, actor, element.record, relationship)
    key = getattr(element.record, f"{relationship.field}_id")
    if key is None:
        return Nothing(relationship)
    return Element(target, one(target, str(key), actor))
