"""JSON:API's media type: write documents as the views built them, and parse them strictly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from terrakube_site.http import strict_json
from workspaces.api.errors import TooLarge

MEDIA_TYPE = "application/vnd.api+json"
MAX_BODY_BYTES = 4 * 2**20


def read_json(stream: Any, *, limit: int = MAX_BODY_BYTES) -> Any:
    """Parse the JSON of a request's body. Raises ParseError, and TooLarge for a body above ``limit`` bytes."""
    body = stream.read(limit + 1)
    if len(body) > limit:
        raise TooLarge(f"The body is longer than {limit} bytes")
    try:
        return strict_json.loads(body)
    except ValueError as error:
        raise ParseError(f"The body is not valid JSON: it {error}") from None


class DocumentParser(BaseParser):
    """Reads a document whole; what may stand in it depends on the resource, and is looked at there.

    Not a JSONParser, for which the framework reads the body itself, with the limit that is meant for forms.
    """

    media_type = MEDIA_TYPE

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        return read_json(stream)


class DocumentRenderer(BaseRenderer):
    """Writes a document that ``workspaces.api.jsonapi.documents`` has made."""

    media_type = MEDIA_TYPE
    format = "vnd.api+json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        if data is None:
            return b""
        return orjson.dumps(data)
