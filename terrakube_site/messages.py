"""English texts that keep their format and values, so that a page can render them in its reader's language.

Programs are answered in English, logs are English, and a worker knows no reader: so a text is English where it is made.
Its format is marked with ``gettext_noop`` and has its values in braces.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext

type Json = dict[str, Any]
_MARKED = frozenset(
    {
        "action",
        "grammar",
        "level",
        "objection",
        "problem",
        "purpose",
        "record",
        "right",
        "status",
        "to",
        "what",
        "written",
    }
)
"""Values that are always marked texts; any other text is a name or comes from elsewhere."""


class Message(str):
    """A text made from a format; equal to its English text. Values may be messages themselves."""

    __slots__ = ("format_text", "values")
    format_text: str
    values: Mapping[str, object]

    def __new__(cls, format_text: str, values: Mapping[str, object]) -> Message:
        made = super().__new__(cls, format_text.format_map(values) if values else format_text)
        made.format_text, made.values = format_text, values
        return made

    def __getnewargs__(self) -> tuple[str, Mapping[str, object]]:  # type: ignore[override]
        return self.format_text, self.values

    def __str__(self) -> str:
        # What asks for the text of an exception gets the message itself.
        return self

    def __add__(self, other: str) -> Message:
        return joined("", (self, other))

    def __radd__(self, other: str) -> Message:
        return joined("", (other, self))

    @property
    def in_language(self) -> str:
        """The text in the active language."""
        if not self.format_text:
            return ""
        shown = {name: _shown(name, value) for name, value in self.values.items()}
        text = gettext(self.format_text)
        return text.format_map(shown) if shown else text


def message(format_text: str, /, **values: object) -> Message:
    """Return a text made from a marked format. Raises KeyError when a value is missing."""
    return Message(format_text, values)


def marked(text: str) -> Message:
    """Return a marked text that may stand beside others; it has no values."""
    return text if isinstance(text, Message) else Message(text, {})


def joined(separator: str, parts: Iterable[str]) -> Message:
    """Return several texts as one."""
    values = {f"part{number}": part for number, part in enumerate(parts)}
    return Message(separator.join(f"{{{name}}}" for name in values), values)


def translated(text: str) -> str:
    """Return a text in the active language: a message by its format, a marked text by itself, any other as it is."""
    return text.in_language if isinstance(text, Message) else gettext(text) if text else ""


def _shown(name: str, value: object) -> object:
    if isinstance(value, Message):
        return value.in_language
    return gettext(str(value)) if name in _MARKED and value else value


def as_json(text: str) -> str | Json:
    """Return a text as it is stored in JSON."""
    if not isinstance(text, Message):
        return text
    values = {name: as_json(value) if isinstance(value, str) else value for name, value in text.values.items()}
    return {"format": text.format_text, "values": values}


def from_json(stored: Any) -> str:
    """Return a text from its JSON."""
    if not isinstance(stored, dict):
        return str(stored)
    values = {name: from_json(value) if isinstance(value, dict) else value for name, value in stored["values"].items()}
    return Message(stored["format"], values)
