"""Text into HTML, as Django escapes it and in a fraction of its calls: a list has thousands of texts."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Any

from django.utils.functional import Promise
from django.utils.safestring import SafeString

_SPECIAL = re.compile("[&<>\"']")


def text_of(value: Any) -> str:
    """Return a value as text of HTML, escaped unless it is marked safe."""
    kind = type(value)
    if kind is SafeString:
        return value  # type: ignore[no-any-return]
    if kind is not str:
        if isinstance(value, Promise):
            value = str(value)
        if hasattr(value, "__html__"):
            return str(value.__html__())
        value = str(value)
    # Hardly any text of a page has a character to escape.
    return html.escape(value) if _SPECIAL.search(value) else value


def format_html(format_string: str, /, *args: Any, **kwargs: Any) -> SafeString:
    """Return a format, which is safe, with its values escaped; what Django's function of this name returns."""
    named = {name: text_of(value) for name, value in kwargs.items()}
    return SafeString(format_string.format(*map(text_of, args), **named))


def format_html_join(separator: str, format_string: str, rows: Iterable[Iterable[Any]]) -> SafeString:
    """Return a format, which is safe, once for the values of each row, escaped as is the separator between them."""
    return SafeString(text_of(separator).join(format_string.format(*map(text_of, row)) for row in rows))
