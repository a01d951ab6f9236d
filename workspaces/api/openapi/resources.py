"""Describe the resources of the API from their own data."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import get_resolver

from workspaces.api.jsonapi import registry
from workspaces.api.jsonapi.attributes import Attribute, Kind, Writing, is_readable
from workspaces.api.jsonapi.resource import Relationship, Resource
from workspaces.api.openapi import about, examples
from workspaces.api.openapi.parts import (
    JSON_API,
    Part,
    answer,
    content,
    either,
    in_path,
    in_query,
    members,
    ref,
    refusals,
)

_KINDS = {Kind.TEXT: "string", Kind.FLAG: "boolean", Kind.NUMBER: "integer", Kind.DATE: "string", Kind.TEXTS: "array"}
_DEPTH = 3


def name_of(resource: Resource) -> str:
    return resource.type[0].upper() + resource.type[1:]


def _attribute(attribute: Attribute, *, written: bool) -> Part:
    nullable = attribute.nullable or attribute.kind is Kind.DATE or (not written and attribute.writing is Writing.NEVER)
    found: Part = {"type": either([_KINDS[attribute.kind], *(["null"] if nullable else [])])}
    if attribute.choices:
        found["enum"] = [*attribute.choices, *([None] if nullable else [])]
    if attribute.kind is Kind.TEXTS:
        found["items"] = {"type": "string"}
    if attribute.kind is Kind.DATE:
        found["examples"] = ["2026-11-24T19:01Z"]
    elif attribute.max_length and written and not attribute.choices:
        found["maxLength"] = attribute.max_length
    if attribute.description:
        found["description"] = attribute.description
    return found


def _relationship(relationship: Relationship) -> Part:
    one = ref("Identifier")
    many = relationship.many and not relationship.single
    return members(data={"type": "array", "items": one} if many else {"anyOf": [one, {"type": "null"}]})


def schemas() -> Part:
    """Return the resource object of every type, and the bodies that create or change one."""
    found: Part = {}
    for resource in _all():
        name = name_of(resource)
        shown = {key: value for key, value in resource.attributes.items() if is_readable(value)}
        # An attribute that some readers do not get is not required.
        attributes = members(**{key: _attribute(value, written=False) for key, value in shown.items()})
        attributes["required"] = [key for key, value in shown.items() if value.shown is None]
        links = members(**{key: _relationship(value) for key, value in resource.relationships.items()})
        found[name] = {
            "type": "object",
            "properties": {
                "type": {"const": resource.type},
                "id": {"type": "string"},
                "attributes": attributes,
                "relationships": links,
            },
            # Where fields[TYPE] asks for few, the others stay out.
            "required": ["type", "id"],
        }
        written = {key: value for key, value in resource.attributes.items() if value.writing is not Writing.NEVER}
        if resource.create is not None:
            found[f"New{name}"] = _sent(resource, written, new=True)
        if resource.update is not None:
            later = {key: value for key, value in written.items() if value.writing is Writing.ALWAYS}
            found[f"Changed{name}"] = _sent(resource, later, new=False)
    return found


def _sent(resource: Resource, attributes: dict[str, Attribute], *, new: bool) -> Part:
    data: Part = {
        "type": {"const": resource.type},
        "attributes": {
            "type": "object",
            "properties": {key: _attribute(value, written=True) for key, value in attributes.items()},
        },
    }
    required = [key for key, value in attributes.items() if value.required]
    if new and required:
        data["attributes"]["required"] = required
    links = {
        key: _relationship(value)
        for key, value in resource.relationships.items()
        if value.writable or (new and value.required)
    }
    if links:
        data["relationships"] = {"type": "object", "properties": links}
    if not new:
        data["id"] = {"type": "string"}
    return members(data={"type": "object", "properties": data, "required": ["type"] if new else ["type", "id"]})


def example_records() -> Part:
    """Return the examples of all types for the answers, by name."""
    return examples.of_answers(_all())


def _all() -> list[Resource]:
    # They are registered with the addresses of the site.
    _loaded = get_resolver().url_patterns
    return [resource for _, resource in sorted(registry.all_types().items())]


def collections() -> Iterator[tuple[str, list[Part], Resource, Relationship | None]]:
    """Return the path of every collection, from the root by way of relationships to many, with its parameters.

    A path goes three collections deep; deeper ones are the same as those of the root types.
    """
    waiting: list[tuple[str, list[Part], Resource, Relationship | None, int]] = [
        (f"/api/v1/{resource.type}", [], resource, None, 1) for resource in _all() if resource.root
    ]
    while waiting:
        path, parameters, resource, by, depth = waiting.pop(0)
        yield path, parameters, resource, by
        if depth == _DEPTH:
            continue
        key = f"{resource.type}Id"
        own = in_path(key, f"The id of the {resource.type}", kind="number" if resource.type == "job" else "uuid")
        for relationship in resource.relationships.values():
            if relationship.many and relationship.type:
                below = f"{path}/{{{key}}}/{relationship.name}"
                waiting.append((below, [*parameters, own], registry.get(relationship.type), relationship, depth + 1))


def paths() -> Part:
    """Every collection and its records."""
    found: Part = {}
    for path, parameters, resource, by in collections():
        found[path] = _within(parameters, _collection(path, resource, by))
        key = f"{resource.type}Id"
        own = in_path(key, f"The id of the {resource.type}", kind="number" if resource.type == "job" else "uuid")
        found[f"{path}/{{{key}}}"] = _within([*parameters, own], _element(path, resource))
    return found


def _within(parameters: list[Part], operations: Part) -> Part:
    """Return the operations with the parameters of their path."""
    return {
        method: operation | {"parameters": [*parameters, *operation.get("parameters", [])]}
        for method, operation in operations.items()
    }


def _operation(path: str, resource: Resource, doing: str, summary: str, **others: object) -> Part:
    names = [part for part in path.removeprefix("/api/v1/").split("/") if not part.startswith("{")]
    return {
        "operationId": "_".join([doing, *names]),
        "tags": [resource.type],
        "summary": summary,
        "description": about.describe(resource, doing),
        **others,
    }


def _shaping(resource: Resource) -> list[Part]:
    return [
        in_query("include", "Relationships, or paths of them, to include, separated by commas"),
        in_query(f"fields[{resource.type}]", "Return only these attributes and relationships, separated by commas"),
    ]


def _selecting(resource: Resource) -> list[Part]:
    sample = "name==example" if "name" in resource.attributes else f"id=={'1' if resource.type == 'job' else '…'}"
    return [
        in_query(f"filter[{resource.type}]", "RSQL condition for the records; `filter` means the same", example=sample),
        *_shaping(resource),
        in_query("sort", "Attributes, separated by commas; - before one sorts it in descending order", example="id"),
        in_query("page[size]", "Records per page; all records if omitted"),
        in_query("page[number]", "Page number, from 1"),
        in_query("page[limit]", "The same as page[size]"),
        in_query("page[offset]", "Records to skip"),
        in_query("page[totals]", "Return the total number of records too"),
    ]


def _document(schema: Part, *, many: bool, perhaps: bool = False) -> Part:
    """Return the schema of a document; with ``perhaps`` its data may be null."""
    one: Part = {"anyOf": [schema, {"type": "null"}]} if perhaps else schema
    properties: Part = {
        "data": {"type": "array", "items": schema} if many else one,
        "included": {"type": "array", "items": {"type": "object"}},
    }
    if many:
        properties["meta"] = members(page=ref("Page"))
    return {"type": "object", "properties": properties, "required": ["data"]}


def _given(description: str, resource: Resource, *, many: bool = False, perhaps: bool = False) -> Part:
    """Return an answer with records, and an example of it."""
    found = answer(description, _document(ref(name_of(resource)), many=many, perhaps=perhaps))
    name = f"{resource.type}-list" if many else resource.type
    found["content"][JSON_API]["examples"] = {resource.type: {"$ref": f"#/components/examples/{name}"}}
    return found


def _list(path: str, resource: Resource) -> Part:
    return _operation(
        path,
        resource,
        "list",
        f"The {resource.type} records that the caller may read",
        parameters=_selecting(resource),
        responses={"200": _given("The records", resource, many=True), **refusals(400, 401, 403, 404, 406, 429)},
    )


def _the_one(path: str, resource: Resource) -> Part:
    return _operation(
        path,
        resource,
        "show",
        f"The {resource.type}, if there is one",
        parameters=_shaping(resource),
        responses={"200": _given("The record", resource, perhaps=True), **refusals(400, 401, 403, 404, 406, 429)},
    )


def _collection(path: str, resource: Resource, by: Relationship | None) -> Part:
    name = name_of(resource)
    found: Part = {"get": _the_one(path, resource) if by is not None and by.single else _list(path, resource)}
    # What a relationship chooses is made elsewhere.
    if resource.create is not None and not (by is not None and by.through):
        found["post"] = _operation(
            path,
            resource,
            "create",
            f"Make a {resource.type}",
            parameters=_shaping(resource),
            requestBody={"required": True, "content": content(ref(f"New{name}"), JSON_API, examples.new(resource, by))},
            responses={
                "201": _given("The record that was made", resource),
                **refusals(400, 401, 403, 404, 406, 409, 413, 415, *_of_providers(resource), 429),
            },
        )
    return found


def _of_providers(resource: Resource) -> tuple[int, ...]:
    """Return the refusals of a provider at which a record is registered while it is saved."""
    return (424,) if resource.type == "webhook" else ()


def _telling(resource: Resource) -> Part:
    """Return the answer to an update that has something to tell."""
    if resource.told is None:
        return {}
    return {"200": answer("It is changed, and newly refuses workspaces", ref("NewlyRefused"), example=examples.REFUSED)}


def _element(path: str, resource: Resource) -> Part:
    name = name_of(resource)
    found: Part = {
        "get": _operation(
            path,
            resource,
            "read",
            f"One {resource.type}",
            parameters=_shaping(resource),
            responses={
                "200": _given("The record", resource),
                **refusals(400, 401, 403, 404, 406, 429),
            },
        )
    }
    if resource.update is not None:
        found["patch"] = _operation(
            path,
            resource,
            "update",
            f"Change a {resource.type}",
            requestBody={
                "required": True,
                "content": content(ref(f"Changed{name}"), JSON_API, examples.changed(resource)),
            },
            responses={
                **_telling(resource),
                "204": answer("It is changed"),
                **refusals(400, 401, 403, 404, 406, 409, 413, 415, *_of_providers(resource), 429),
            },
        )
    if resource.delete is not None:
        found["delete"] = _operation(
            path,
            resource,
            "delete",
            f"Remove a {resource.type}",
            responses={"204": answer("It is gone"), **refusals(400, 401, 403, 404, 406, 409, 429)},
        )
    return found
