"""The document of a request, read member by member; a wrong value is refused with a pointer to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rest_framework.request import Request

from tfe.errors import Invalid

_LONGEST = 65536


@dataclass(frozen=True, slots=True)
class Related:
    """A resource that a relationship of a request names, by its id or by attributes; ``key`` is "" without an id."""

    kind: str
    key: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Body:
    """The attributes and relationships of the resource that a request sends."""

    attributes: Mapping[str, Any]
    relationships: Mapping[str, Any]

    def __contains__(self, name: str) -> bool:
        return name in self.attributes

    def text(self, name: str, default: str = "", *, longest: int = _LONGEST) -> str:
        """Return a text; the default if it is missing or null. Raises Invalid."""
        value = self.attributes.get(name)
        if value is None:
            return default
        if not isinstance(value, str) or "\0" in value or len(value) > longest:
            raise _wrong(name, f"text of at most {longest} characters")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """Return true or false; the default if it is missing or null. Raises Invalid."""
        value = self.attributes.get(name)
        if value is None:
            return default
        if type(value) is not bool:
            raise _wrong(name, "true or false")
        return value

    def number(self, name: str, default: int = 0) -> int:
        """Return a whole number; the default if it is missing or null. Raises Invalid."""
        value = self.attributes.get(name)
        if value is None:
            return default
        if type(value) is not int:
            raise _wrong(name, "a whole number")
        return value

    def texts(self, name: str) -> list[str]:
        """Return a list of texts; empty if it is missing or null. Raises Invalid."""
        value = self.attributes.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(one, str) and "\0" not in one for one in value):
            raise _wrong(name, "a list of texts")
        return value

    def objects(self, name: str) -> list[Mapping[str, Any]]:
        """Return a list of objects; empty if it is missing or null. Raises Invalid."""
        value = self.attributes.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise _wrong(name, "a list of objects")
        return value

    def related(self, name: str) -> Related | None:
        """Return the resource of a relationship to one; None if it is missing or null. Raises Invalid."""
        data = _data(self.relationships.get(name), name)
        return None if data is None else _related(data, name)

    def related_many(self, name: str) -> list[Related] | None:
        """Return the resources of a relationship to many; None if it is missing. Raises Invalid."""
        data = _data(self.relationships.get(name), name)
        if data is None:
            return None
        if not isinstance(data, list):
            raise Invalid(f"The relationship {name} has a list of resources.", f"/data/relationships/{name}")
        return [_related(one, name) for one in data]


def body_of(request: Request, kind: str, *, required: bool = True) -> Body:
    """Return what a request sends as a resource of this type. Raises Invalid for another type or no document.

    Without ``required`` the document may be missing.
    """
    sent = request.data
    data = sent.get("data") if isinstance(sent, dict) else None
    if data is None and not required:
        return Body({}, {})
    if not isinstance(data, dict):
        raise Invalid(f"The body is a document whose data is a resource of type {kind}.", "/data")
    if data.get("type") not in {kind, None, ""}:
        raise Invalid(f"The type is {kind}.", "/data/type")
    attributes, relationships = data.get("attributes"), data.get("relationships")
    return Body(
        attributes if isinstance(attributes, dict) else {}, relationships if isinstance(relationships, dict) else {}
    )


def related_of(request: Request) -> list[Related]:
    """Return the resources that the body of a request lists, as addresses below ``relationships/`` take them."""
    sent = request.data
    data = sent.get("data") if isinstance(sent, dict) else None
    if not isinstance(data, list):
        raise Invalid("The body is a document whose data is a list of resources.", "/data")
    return [_related(one, "data") for one in data]


def comment_of(request: Request) -> str:
    """Return the comment that an action was sent with: plain JSON, or no body at all."""
    sent = request.data
    value = sent.get("comment") if isinstance(sent, dict) else None
    return value if isinstance(value, str) else ""


def _data(found: Any, name: str) -> Any:
    if found is None:
        return None
    if not isinstance(found, dict):
        raise Invalid(f"The relationship {name} is an object with data.", f"/data/relationships/{name}")
    return found.get("data")


def _related(data: Any, name: str) -> Related:
    attributes = data.get("attributes") if isinstance(data, dict) else None
    key = data.get("id") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(key, str | None) or (not key and not isinstance(attributes, dict)):
        raise Invalid(f"{name} names a resource by its type and id.", f"/data/relationships/{name}")
    return Related(str(data.get("type") or ""), key or "", attributes if isinstance(attributes, dict) else {})


def _wrong(name: str, expected: str) -> Invalid:
    return Invalid(f"{name} is {expected}.", f"/data/attributes/{name}")
