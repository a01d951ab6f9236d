"""Read request bodies of executors, with a size limit."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from terrakube_site import sentences
from terrakube_site.http import strict_json
from terrakube_site.http.strict_json import LARGEST
from terrakube_site.messages import message
from workspaces.errors import InvalidInput

MAX_LOG_BYTES = 2**20
MAX_FILE_BYTES = 512 * 2**20
"""Maximum for a file; a state that is larger than a current one may be is stored as a recovered state."""
MAX_JSON_BYTES = 2**20
_SHORTEST_SESSION = 32
MAX_LOG_SIZE = 2**40
"""Maximum size of an attempt's log in bytes, lost ones included."""


def read_body(request: HttpRequest, *, limit: int = MAX_FILE_BYTES) -> bytes:
    """Return the whole body. Raises InvalidInput if it is longer than ``limit`` bytes."""
    # request.body has a limit of its own that is meant for forms; a state or a plan is no form.
    body = request.read(limit + 1)
    if len(body) > limit:
        raise InvalidInput(f"The body is longer than {limit} bytes.")
    return body


def read_json(request: HttpRequest) -> dict[str, Any]:
    """Return the body as a JSON object with only texts and numbers that a database can store. Raises InvalidInput."""
    try:
        value = strict_json.loads(read_body(request, limit=MAX_JSON_BYTES))
        strict_json.check_leaves(value)
    except ValueError as error:
        raise InvalidInput(f"The body is not valid JSON: it {error}.") from None
    if not isinstance(value, dict):
        raise InvalidInput("The body must be a JSON object.")
    return value


def read_session(body: dict[str, Any]) -> str:
    """Return the session that an executor made itself. Raises InvalidInput for one that could be guessed."""
    session = read_optional(body, "session", str)
    if session is None or len(session) < _SHORTEST_SESSION:
        raise InvalidInput(f"session must be a text of {_SHORTEST_SESSION} characters or more.")
    return session


def read_strings(body: dict[str, Any], name: str) -> list[str]:
    """Return a member that is a list of strings, [] if absent or null. Raises InvalidInput for another type."""
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidInput(f"{name} must be a list of texts.")
    return value


def read_optional[T: (int, float, str, bool)](body: dict[str, Any], name: str, kind: type[T]) -> T | None:
    """Return a member of this type, None if absent or null. Raises InvalidInput for another type."""
    value = body.get(name)
    if value is None:
        return None
    if kind is float and type(value) is int:
        return kind(value)
    if type(value) is not kind:
        raise InvalidInput(f"{name} must be {kind.__name__}.")
    return value


def read_sentence(body: dict[str, Any]) -> str:
    """Return the text that an executor reports, as a message if it says its format. Raises InvalidInput."""
    text = read_optional(body, "message", str) or ""
    found = sentences.read_sentence(body.get("sentence"), text)
    return message(found.format_text, **found.values) if found is not None else text


def read_number[T: (int, float)](
    body: dict[str, Any], name: str, kind: type[T], *, least: int = 0, most: int = LARGEST
) -> T | None:
    """Return a number from ``least`` to ``most``, None if absent or null. Raises InvalidInput."""
    value = read_optional(body, name, kind)
    if value is not None and not least <= value <= most:
        raise InvalidInput(f"{name} must be from {least} to {most}.")
    return value
