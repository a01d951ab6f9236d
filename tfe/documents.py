"""Documents of the protocol: resource objects, their links to each other, pages of lists."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request

type Json = dict[str, Any]

PAGE_SIZE = 20
MAX_PAGE_SIZE = 100


def resource(
    kind: str, key: object, attributes: Mapping[str, Any], relationships: Mapping[str, Any] | None = None
) -> Json:
    """Return a resource object. Members that are None stay: a missing one and null mean the same to the clients."""
    found: Json = {"id": str(key), "type": kind, "attributes": dict(attributes)}
    if relationships:
        found["relationships"] = dict(relationships)
    return found


def to_one(kind: str, key: object | None) -> Json:
    """Return a relationship to one resource, or to none for a key of None."""
    return {"data": None if key is None else {"id": str(key), "type": kind}}


def to_many(kind: str, keys: Iterable[object]) -> Json:
    """Return a relationship to several resources."""
    return {"data": [{"id": str(key), "type": kind} for key in keys]}


def moment(at: dt.datetime | None) -> str | None:
    """Return a time as the clients parse it, with ``Z`` and not ``+00:00``; None if it is not known."""
    return None if at is None else at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moments(**times: dt.datetime | None) -> dict[str, str]:
    """Return the times that are known, keyed with hyphens; the clients take no empty time."""
    return {name.replace("_", "-"): text for name, at in times.items() if (text := moment(at)) is not None}


def document(data: Json | list[Json] | None, included: Iterable[Json] = ()) -> Json:
    """Return a document; each included resource is in it once."""
    found: Json = {"data": data}
    others = {(one["type"], one["id"]): one for one in included}
    if others:
        found["included"] = list(others.values())
    return found


def asked_includes(request: Request) -> frozenset[str]:
    """Return the resources that a request wants included: ``current_run.plan``. Unknown ones are no error."""
    return frozenset(name.strip() for name in request.query_params.get("include", "").split(",") if name.strip())


def _number(request: Request, name: str, default: int, highest: int) -> int:
    text = request.query_params.get(f"page[{name}]", "")
    return min(max(int(text), 1), highest) if text.isascii() and text.isdecimal() and len(text) < 10 else default


def page_document(
    request: Request,
    rows: QuerySet[Any] | Sequence[Any],
    render: Callable[[list[Any]], list[Json]],
    included: Callable[[list[Any]], Iterable[Json]] | None = None,
) -> Json:
    """Return one page of a list, as ``page[number]`` and ``page[size]`` ask; empty past its end.

    ``render`` and ``included`` get the page's rows at once, so that they can look up what belongs to all of them.
    """
    number, size = _number(request, "number", 1, 10**9), _number(request, "size", PAGE_SIZE, MAX_PAGE_SIZE)
    total = rows.count() if isinstance(rows, QuerySet) else len(rows)
    pages = max(1, -(-total // size))
    found = list(rows[(number - 1) * size : number * size])
    body = document(render(found), included(found) if included is not None else ())
    body["meta"] = {
        "pagination": {
            "current-page": number,
            "page-size": size,
            "prev-page": number - 1 if number > 1 else None,
            "next-page": number + 1 if number < pages else None,
            "total-pages": pages,
            "total-count": total,
        }
    }
    return body


def whole_document(found: list[Json], included: Iterable[Json] = ()) -> Json:
    """Return a list as one page, for lists of which the clients read no second page."""
    body = document(found, included)
    pages = {"current-page": 1, "page-size": max(len(found), 1), "prev-page": None, "next-page": None}
    body["meta"] = {"pagination": pages | {"total-pages": 1, "total-count": len(found)}}
    return body
