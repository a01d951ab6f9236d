"""Serve the description as JSON for programs and as a page for users."""

from __future__ import annotations

import json
from functools import lru_cache
from itertools import groupby
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from workspaces.api.openapi.parts import Part

_METHODS = ("get", "post", "put", "patch", "delete")


@lru_cache(maxsize=1)
def _described() -> Part:
    # drf-spectacular brings Django's test client and Jinja along, for a page that few ask for.
    from workspaces.api.openapi.document import document

    return document()


@lru_cache(maxsize=1)
def _json() -> bytes:
    return json.dumps(_described(), ensure_ascii=False).encode()


@require_safe
@vary_on_headers("Accept")
def doc(request: HttpRequest) -> HttpResponse:
    """Return the page to a browser, else the description itself."""
    # Only a browser names it; what takes anything is a program.
    if "text/html" in request.headers.get("Accept", ""):
        return _page(request)
    return description(request)


@require_safe
def description(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_json(), content_type="application/vnd.oai.openapi+json")


def _page(request: HttpRequest) -> HttpResponse:
    return render(request, "terrakube/doc.html", {"groups": _groups()})


@lru_cache(maxsize=1)
def _groups() -> list[tuple[str, list[Part]]]:
    """Return the operations by subject, with what the page shows of each."""
    found: list[Part] = []
    described = _described()
    for address, item in described["paths"].items():
        for method in _METHODS:
            if method in item:
                found.append(_operation_entry(address, method, item[method], described["components"]["examples"]))
    found.sort(key=lambda operation: operation["tag"])
    return [(tag, list(rows)) for tag, rows in groupby(found, key=lambda operation: str(operation["tag"]))]


def _operation_entry(address: str, method: str, operation: Part, examples: Part) -> Part:
    body = operation.get("requestBody", {}).get("content", {})
    media_type = next(iter(body), "")
    example: Any = body.get(media_type, {}).get("example")
    return {
        "tag": operation["tags"][0],
        "name": operation["operationId"],
        "method": method.upper(),
        "path": address,
        "summary": operation["summary"],
        "description": _with_code(operation["description"]),
        "parameters": [_parameter(row) for row in operation.get("parameters", [])],
        "media_type": media_type,
        "example": "" if example is None else json.dumps(example, indent=2, ensure_ascii=False),
        "responses": sorted(operation["responses"].items()),
        "answer": _answer(operation, examples),
        "open": operation.get("security") == [],
    }


def _with_code(text: str) -> SafeString:
    """Return a description as HTML: what it writes between backticks is code."""
    parts = text.split("`")
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", part) if odd % 2 else part,) for odd, part in enumerate(parts))
    )


def _parameter(parameter: Part) -> Part:
    return {**parameter, "description": _with_code(parameter.get("description", ""))}


def _answer(operation: Part, examples: Part) -> str:
    """Return the example of what answers a success, as text; empty where there is none."""
    given = [row["content"] for code, row in operation["responses"].items() if code < "3" and "content" in row]
    for media_type, found in (item for row in given for item in row.items()):
        example = found.get("example")
        for named in found.get("examples", {}).values():
            example = examples[named["$ref"].rpartition("/")[2]]["value"]
        text = example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)
        return f"Content-Type: {media_type}\n\n{text}"
    return ""


urlpatterns = [
    path("doc", doc, name="doc"),
    path("doc/openapi.json", description, name="openapi"),
]
