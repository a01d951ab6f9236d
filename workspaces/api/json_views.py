"""Views outside JSON:API: any JSON in, plain JSON out, whatever content type the client names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from workspaces.api.errors import InvalidValue
from workspaces.api.jsonapi.media import read_json
from workspaces.api.jsonapi.views import ApiView


class AnyJsonParser(BaseParser):
    """Parses JSON of any content type: Terrakube's clients call it JSON:API here, though it is not."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        return read_json(stream)


class OneForm(BaseContentNegotiation):
    """Answers in the only format there is, whatever the client accepts."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class PlainView(ApiView):
    """Authentication and errors as everywhere in the API."""

    parser_classes = (AnyJsonParser,)  # type: ignore[assignment]
    renderer_classes = (JSONRenderer,)  # type: ignore[assignment]
    content_negotiation_class = OneForm

    def body(self) -> Mapping[str, Any]:
        """Return the JSON object that was sent. Raises InvalidValue for anything else."""
        data = self.request.data
        if not isinstance(data, dict):
            raise InvalidValue(data, "the body is a JSON object")
        return data


def text(body: Mapping[str, Any], name: str, *, longest: int = 256) -> str:
    """Return a text member, "" if it is missing or null. Raises InvalidValue."""
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest or "\0" in value:
        raise InvalidValue(value, f"{name} is text of at most {longest} characters")
    return value


def number(body: Mapping[str, Any], name: str, *, highest: int) -> int:
    """Return a whole number, 0 if it is missing or null; a number in a string is accepted too.

    Raises InvalidValue.
    """
    value = body.get(name)
    if value is None or value == "":
        return 0
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:
        value = int(value)
    if type(value) is not int or not 0 <= value <= highest:
        raise InvalidValue(value, f"{name} is a whole number from 0 to {highest}")
    return value
