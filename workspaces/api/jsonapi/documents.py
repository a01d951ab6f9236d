"""Build JSON:API documents: resource objects, with the relationships of a whole page looked up at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson
from django.db import models

from workspaces.actors import Actor
from workspaces.api.jsonapi import registry, relationship_keys
from workspaces.api.jsonapi.attributes import Attribute
from workspaces.api.jsonapi.resource import Relationship, Resource

type Document = dict[str, Any]
type Fields = Mapping[str, frozenset[str]]
"""Of each type that the client narrowed, the names that it wants."""


def identifier(type_name: str, key: object) -> dict[str, str]:
    return {"type": type_name, "id": str(key)}


def resource_objects(
    resource: Resource,
    records: Sequence[models.Model],
    actor: Actor,
    *,
    fields: Fields | None = None,
    new: bool = False,
) -> list[Document]:
    """Return the records as resource objects. ``new`` records have no related ones yet, so no query looks for them."""
    wanted = (fields or {}).get(resource.type)
    columns = [
        (name, reader, found.shown)
        for name, found in resource.attributes.items()
        if (wanted is None or name in wanted) and (reader := _reader(found, records)) is not None
    ]
    relationships = [found for name, found in resource.relationships.items() if wanted is None or name in wanted]
    keys = [record.pk for record in records]
    many = {} if new or not keys else relationship_keys.many(relationships, keys)
    documents = []
    for record in records:
        document: Document = {"type": resource.type, "id": str(record.pk)}
        attributes = {name: read(record) for name, read, shown in columns if shown is None or shown(record, actor)}
        if attributes:
            document["attributes"] = attributes
        links = {found.name: {"data": _linkage(found, record, many)} for found in relationships}
        if links:
            document["relationships"] = links
        documents.append(document)
    return documents


def _reader(attribute: Attribute, records: Sequence[models.Model]) -> Callable[[Any], Any] | None:
    return attribute.read if attribute.look_up is None else attribute.look_up(records)


def _linkage(relationship: Relationship, record: models.Model, many: Mapping[str, relationship_keys.Joined]) -> Any:
    if relationship.many:
        joined = many.get(relationship.name, {}).get(record.pk, "")
        if relationship.single:
            return identifier(relationship.type, joined) if joined else None
        return orjson.Fragment(relationship_keys.identifiers(relationship.type, joined))
    key = getattr(record, f"{relationship.field}_id") if relationship.type else None
    return None if key is None else identifier(relationship.type, key)


# ---- included records -----------------------------------------------------------------------------------------------

type Paths = dict[str, Paths]
"""The relationship paths of ``include`` as a tree of names."""


def included(
    resource: Resource, records: Sequence[models.Model], paths: Paths, actor: Actor, *, fields: Fields | None = None
) -> list[Document]:
    """Return the records requested by ``include``, each once, without those that the actor may not read."""
    seen = {(resource.type, record.pk) for record in records}
    documents: list[Document] = []
    _include(resource, records, paths, actor, fields, seen, documents)
    return documents


def _include(
    resource: Resource,
    records: Sequence[models.Model],
    paths: Paths,
    actor: Actor,
    fields: Fields | None,
    seen: set[tuple[str, Any]],
    documents: list[Document],
) -> None:
    for name, below in paths.items():
        relationship = resource.relationships[name]
        if not relationship.type or not records:
            continue
        target = registry.get(relationship.type)
        if relationship.many:
            condition = {f"{relationship.field}__in": [record.pk for record in records]}
        else:
            keys = {getattr(record, f"{relationship.field}_id") for record in records} - {None}
            condition = {"pk__in": list(keys)}
        # What several parents have is found once for each.
        found = list({record.pk: record for record in target.listed_to(actor).filter(**condition)}.values())
        fresh = [record for record in found if (target.type, record.pk) not in seen]
        seen.update((target.type, record.pk) for record in fresh)
        documents += resource_objects(target, fresh, actor, fields=fields)
        _include(target, found, below, actor, fields, seen, documents)


def paths_of(names: Iterable[str]) -> Paths:
    """Return the tree of dotted relationship paths."""
    tree: Paths = {}
    for name in names:
        node = tree
        for part in name.split("."):
            node = node.setdefault(part, {})
    return tree
