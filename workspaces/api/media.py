"""JSON:API's media type, both ways: documents are written as the views made them, and read strictly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework_json_api.renderers import JSONRenderer

from workspaces.api.errors import TooLarge

MEDIA_TYPE: str = JSONRenderer.media_type
MAX_BODY_BYTES = 4 * 2**20


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def read_json(stream: Any, *, limit: int = MAX_BODY_BYTES) -> Any:
    """The JSON of a request's body. Raises ParseError, and TooLarge for a body of more than ``limit`` bytes."""
    body = stream.read(limit + 1)
    if len(body) > limit:
        raise TooLarge(f"The body is longer than {limit} bytes")
    try:
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ParseError("The body is not valid JSON") from error


class DocumentParser(BaseParser):
    """Reads a document whole; what may stand in it depends on the resource, and is looked at there.

    Not a JSONParser, for which the framework reads the body itself, with the limit that is meant for forms.
    """

    media_type = MEDIA_TYPE

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        return read_json(stream)


class DocumentRenderer(JSONRenderer):  # type: ignore[misc]
    """Writes a finished document.

    The package's own renderer walks serializers field by field, adds counts and links that Terrakube's documents lack,
    and asks the database for the relationships of each row; ``workspaces.api.documents`` asks once for a page.
    """

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: dict[str, Any] | None = None
    ) -> bytes:
        if data is None:
            return b""
        return orjson.dumps(data)
