"""Pieces shared by the descriptions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

type Part = dict[str, Any]

JSON_API = "application/vnd.api+json"
JSON = "application/json"
BYTES = "application/octet-stream"

_REFUSALS = {
    400: "The request is invalid; the detail says why",
    401: "The token is missing, wrong, expired or revoked; the body is empty",
    403: "The caller lacks the right",
    404: "The record, collection, attribute or relationship does not exist",
    406: "The response is only available as application/vnd.api+json",
    409: "The name is taken, an attribute is missing, or the state of the record does not allow it",
    413: "The body is too large",
    415: "The body must be application/vnd.api+json",
    422: "A value is not allowed; the detail names it",
    424: "The provider refused the workspace's webhook; the detail has its message, and nothing was changed",
    429: "Too many failed authentications from this address",
    503: "Not available now",
}


def ref(name: str) -> Part:
    return {"$ref": f"#/components/schemas/{name}"}


def content(schema: Part, media_type: str = JSON_API, example: Any = None) -> Part:
    described: Part = {"schema": schema}
    if example is not None:
        described["example"] = example
    return {media_type: described}


def answer(description: str, schema: Part | None = None, media_type: str = JSON_API, example: Any = None) -> Part:
    found: Part = {"description": description}
    if schema is not None:
        found["content"] = content(schema, media_type, example)
    return found


def refusals(*codes: int, media_type: str = JSON_API) -> Part:
    """Return the error answers, by status."""
    found: Part = {}
    for code in codes:
        name = "FrameworkError" if code in {405, 406, 415} else "Errors"
        schema = None if code == 401 else ref(name)
        found[str(code)] = answer(_REFUSALS[code], schema, media_type)
    return found


def in_path(name: str, description: str, *, kind: str = "uuid") -> Part:
    schema = {"type": "string", "format": "uuid"} if kind == "uuid" else {"type": "string", "pattern": "^[0-9]+$"}
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def in_query(name: str, description: str, *, example: str = "") -> Part:
    found: Part = {"name": name, "in": "query", "description": description, "schema": {"type": "string"}}
    if example:
        found["example"] = example
    return found


def members(**types: Part) -> Part:
    """Return an object whose members are all there."""
    return {"type": "object", "properties": types, "required": list(types)}


def either(types: Iterable[str]) -> list[str] | str:
    found = list(types)
    return found[0] if len(found) == 1 else found


TEXT: Part = {"type": "string"}
UUID: Part = {"type": "string", "format": "uuid"}
FLAG: Part = {"type": "boolean"}
NUMBER: Part = {"type": "integer"}
SHARED: Part = {
    "Errors": members(errors={"type": "array", "items": members(detail=TEXT)}),
    "FrameworkError": members(timestamp=TEXT, status=NUMBER, error=TEXT, path=TEXT),
    "Identifier": members(type=TEXT, id=TEXT),
    "NewlyRefused": members(
        meta=members(
            newlyRefused=members(
                total=NUMBER,
                workspaces={
                    "type": "array",
                    "items": members(id=UUID, name=TEXT, organization=TEXT, why={"type": "array", "items": TEXT}),
                },
            )
        )
    ),
    "Page": members(number=NUMBER, limit=NUMBER)
    | {"properties": {"number": NUMBER, "limit": NUMBER, "totalPages": NUMBER, "totalRecords": NUMBER}},
}
