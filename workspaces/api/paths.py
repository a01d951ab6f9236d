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

from workspaces.access import Actor
from workspaces.api import registry
from workspaces.api.errors import NotThere, ReadDenied, shortened, unknown_attribute
from workspaces.api.resource import Relationship, Resource

_MAX_SEGMENTS = 20


@dataclass(frozen=True, slots=True)
class Collection:
    """Many records; ``owner`` is the one whose related records they are, None at the root."""

    resource: Resource
    actor: Actor
    owner: models.Model | None = None
    relationship: Relationship | None = None

    def to_list(self) -> QuerySet[Any]:
        """The rows, for many of them."""
        return self._of_owner(self.resource.listed_to(self.actor))

    def to_find(self) -> QuerySet[Any]:
        """The rows, for one that is named."""
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
    """What a relationship leads to when there is nothing: no record, or none of many."""

    relationship: Relationship


@dataclass(frozen=True, slots=True)
class Link:
    """A relationship itself, as identifiers."""

    resource: Resource
    record: models.Model
    relationship: Relationship


type Target = Collection | Element | Link | Nothing


def find(path: str, actor: Actor) -> Target:
    """What a path leads to, as far as the actor may read it. Raises NotThere, ReadDenied and InvalidValue."""
    segments = path.strip("/").split("/")
    if len(segments) > _MAX_SEGMENTS:
        raise NotThere(f"Unknown collection {shortened(path)}")
    resource = registry.find(segments[0])
    if resource is None or not resource.root:
        raise NotThere(f"Unknown collection {shortened(segments[0])}")
    here: Target = Collection(resource, actor)
    position = 1
    while position < len(segments):
        name = segments[position]
        if isinstance(here, Collection):
            here = Element(here.resource, _one(here, name))
        elif isinstance(here, Element) and name == "relationships" and position == len(segments) - 2:
            relationship = _relationship(here.resource, segments[-1])
            return Link(here.resource, here.record, relationship)
        elif isinstance(here, Element):
            here = _follow(here, name, actor)
            if isinstance(here, Element) and segments[position + 1 : position + 2] == [str(here.record.pk)]:
                # A single record may be named by its id all the same.
                position += 1
        else:
            raise NotThere(f"Unknown identifier {shortened(name)}")
        position += 1
    return here


def one(resource: Resource, rows: QuerySet[Any], text: object, *, nested: bool = False) -> models.Model:
    """The record of an id among rows that the actor may read. Raises NotThere, ReadDenied and InvalidValue."""
    key = resource.key(text)
    found: models.Model | None = None
    if key is not None:
        found = (rows.select_related(*resource.joined) if resource.joined else rows).filter(pk=key).first()
    if found is not None:
        return found
    if key is not None and not nested and resource.everything().filter(pk=key).exists():
        raise ReadDenied
    shown = f"[{text}]" if nested else str(text)
    raise NotThere(f"Unknown identifier {shown} for {resource.type}")


def _one(collection: Collection, text: str) -> models.Model:
    return one(collection.resource, collection.to_find(), text, nested=collection.owner is not None)


def _relationship(resource: Resource, name: str) -> Relationship:
    relationship = resource.relationships.get(name)
    if relationship is None:
        raise unknown_attribute(name, resource.type)
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
    return Element(target, one(target, target.visible_to(actor), str(key)))
