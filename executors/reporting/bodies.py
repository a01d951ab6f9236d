"""Read what an executor sends, with a limit."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest

from workspaces.errors import InvalidInput

MAX_LOG_BYTES = 2**20
MAX_FILE_BYTES = 512 * 2**20
MAX_JSON_BYTES = 2**20


def raw_body(request: HttpRequest, *, limit: int = MAX_FILE_BYTES) -> bytes:
    """The whole body. Raises InvalidInput when it is longer than ``limit`` bytes."""
    # request.body has a limit of its own, meant for forms; a state or a plan is no form.
    body = request.read(limit + 1)
    if len(body) > limit:
        raise InvalidInput(f"The body is longer than {limit} bytes.")
    return body


def json_body(request: HttpRequest) -> dict[str, Any]:
    """The body as a JSON object. Raises InvalidInput."""
    try:
        value = json.loads(raw_body(request, limit=MAX_JSON_BYTES))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InvalidInput("The body must be a JSON object.")
    return value


def optional[T: (int, float, str, bool)](body: dict[str, Any], name: str, kind: type[T]) -> T | None:
    """A member of a type, None when it is absent or null. Raises InvalidInput for another type."""
    value = body.get(name)
    if value is None:
        return None
    if kind is float and type(value) is int:
        return kind(value)
    if type(value) is not kind:
        raise InvalidInput(f"{name} must be {kind.__name__}.")
    return value
