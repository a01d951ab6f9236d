"""Read what a client sends for a record: attributes and relationships, checked against the resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db import models

from workspaces.actors import Actor
from workspaces.api.errors import BadRequest, InvalidValue, Missing, absent, unknown_attribute
from workspaces.api.jsonapi import attributes, registry
from workspaces.api.jsonapi.attributes import Writing
from workspaces.api.jsonapi.paths import one
from workspaces.api.jsonapi.resource import Change, Relationship, Resource
from workspaces.errors import Duplicate, NotAllowed

MOST_RELATED = 100
"""Maximum number of records that one relationship names in a request."""


def data_of(document: Any, resource: Resource, *, key: str | None = None) -> dict[str, Any]:
    """Return the resource object of a document; ``key`` is the id that it must have. Raises BadRequest."""
    if not isinstance(document, dict) or not isinstance(document.get("data"), dict):
        raise BadRequest("Invalid value: the document has no data that is a resource object")
    data: dict[str, Any] = document["data"]
    if data.get("type") != resource.type:
        raise InvalidValue(data.get("type"), f"the type here is {resource.type}")
    if key is not None and str(data.get("id")) != key:
        raise InvalidValue(data.get("id"), f"the id here is {key}")
    return data


def _object(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = data.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidValue(value, f"{name} is an object", secret=True)
    return value


def creation(data: Mapping[str, Any], resource: Resource, actor: Actor, owner: Change) -> Change:
    """Return what to make a record from; ``owner`` is what the path says of it. Raises Missing for what is left out."""
    found = _change(data, resource, actor, record=None, known=owner.related)
    for name, attribute in resource.attributes.items():
        if attribute.required and found.attributes.get(name) is None:
            raise Missing(f"{name} must be given: a {resource.type} is not stored without it")
    for name, relationship in resource.relationships.items():
        if relationship.required and found.related.get(name) is None:
            raise Missing(f"The relationship {name} must be given: a {resource.type} is not stored without it")
    return replace(found, key=_chosen_key(data, resource)) if resource.client_ids else found


def _chosen_key(data: Mapping[str, Any], resource: Resource) -> Any:
    """Return the id that the client chose, None for none. Raises InvalidValue, and Duplicate for one in use."""
    if data.get("id") is None:
        return None
    key = resource.key(data["id"])
    if resource.model._base_manager.filter(pk=key).exists():
        raise Duplicate(f"A {resource.type} with the id {key} already exists.")
    return key


def change(data: Mapping[str, Any], resource: Resource, record: models.Model, actor: Actor) -> Change:
    """Return what to change in a record."""
    return _change(data, resource, actor, record=record, known={})


def link(document: Any, resource: Resource, record: models.Model, relationship: Relationship, actor: Actor) -> Change:
    """Return what a document for a to-one relationship itself changes: an identifier, or null for none."""
    if not isinstance(document, dict) or "data" not in document:
        raise BadRequest("Invalid value: the document has no data that is one identifier or null")
    name = relationship.name
    if not relationship.type:
        if document["data"] is None:
            return Change()
        raise absent(name) or NotAllowed(f"{name} of a {resource.type} is set by the server alone.")
    other = related_record(relationship, document["data"], actor)
    if relationship.writable:
        return Change(related={name: other})
    if getattr(record, f"{relationship.field}_id") != (None if other is None else other.pk):
        raise NotAllowed(f"The {name} of a {resource.type} is set when it is made, and not changed later.")
    return Change()


def links(document: Any, relationship: Relationship, actor: Actor) -> Change:
    """Return what a document for a relationship to many itself changes: all of its records."""
    if not isinstance(document, dict) or not isinstance(document.get("data"), list):
        raise BadRequest("Invalid value: the document has no data that is an array of identifiers")
    return Change(related={relationship.name: related_records(relationship, document["data"], actor)})


def _change(
    data: Mapping[str, Any],
    resource: Resource,
    actor: Actor,
    *,
    record: models.Model | None,
    known: Mapping[str, Any],
) -> Change:
    """Return what a document names; ``record`` is None for a new one."""
    values: dict[str, Any] = {}
    for name, value in _object(data, "attributes").items():
        attribute = resource.attributes.get(name)
        if attribute is None:
            if name in resource.tolerated or name in attributes.AUDIT:
                continue
            raise unknown_attribute(name, resource.type)
        if attribute.writing is Writing.NEVER or attributes.says_nothing(attribute, value):
            continue
        parsed = attributes.parse(attribute, value)
        if attribute.writing is Writing.ON_CREATION and record is not None:
            if attribute.read is not None and attribute.read(record) == parsed:
                continue
            raise NotAllowed(f"{name} is set when a {resource.type} is made, and not changed later.")
        values[name] = parsed
    related = dict(known)
    for name, value in _object(data, "relationships").items():
        relationship = resource.relationships.get(name)
        if relationship is None:
            raise unknown_attribute(name, resource.type)
        if relationship.many and relationship.writable:
            given = value.get("data") if isinstance(value, dict) else None
            if not isinstance(given, list):
                raise InvalidValue(value, f"{name} is an object with an array of identifiers as data", secret=True)
            related[name] = related_records(relationship, given, actor)
            continue
        if (
            name in known
            or relationship.many
            or not (relationship.writable or (record is None and relationship.required))
        ):
            # What the path or the server decides; clients echo it.
            continue
        if not isinstance(value, dict) or "data" not in value:
            raise InvalidValue(value, f"{name} is an object with data", secret=True)
        related[name] = related_record(relationship, value["data"], actor)
    return Change(attributes=values, related=related)


def related_records(relationship: Relationship, data: Sequence[Any], actor: Actor) -> list[models.Model]:
    """Return the records of identifiers, each once. Raises InvalidValue, NotThere and ReadDenied."""
    if len(data) > MOST_RELATED:
        raise InvalidValue(len(data), f"{relationship.name} names at most {MOST_RELATED} records")
    found = [related_record(relationship, one_of_them, actor) for one_of_them in data]
    return list({record.pk: record for record in found if record is not None}.values())


def related_record(relationship: Relationship, data: Any, actor: Actor) -> models.Model | None:
    """Return the record of an identifier, None for null. Raises NotThere and ReadDenied."""
    if data is None:
        return None
    if not isinstance(data, dict):
        raise InvalidValue(data, f"{relationship.name} is one identifier", secret=True)
    target = registry.get(relationship.type)
    if data.get("type") != target.type:
        raise InvalidValue(data.get("type"), f"the type of {relationship.name} is {target.type}")
    return one(target, data.get("id"), actor)
