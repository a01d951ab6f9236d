"""Sentences of the program in the pod: format and values stand beside the text, so that a page can translate it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_LONGEST = 1024
_VALUE = re.compile(r"\{([a-z_]+)\}")


def marked(text: str) -> str:
    """Mark a format for translation. Import it as ``_``, the name that the tool which gathers texts looks for."""
    return text


class Sentence(str):
    """A text made from a marked format, or one without values; equal to its English text."""

    __slots__ = ("format_text", "values")
    format_text: str
    values: Mapping[str, str]

    def __new__(cls, format_text: str, /, **values: object) -> Sentence:
        texts = {name: str(value) for name, value in values.items()}
        made = super().__new__(cls, _VALUE.sub(lambda found: texts[found[1]], format_text) if texts else format_text)
        made.format_text, made.values = format_text, texts
        return made


def as_json(text: str) -> dict[str, Any] | None:
    """Return how a sentence is reported, None for another text."""
    return {"format": text.format_text, "values": dict(text.values)} if isinstance(text, Sentence) else None


def read_sentence(reported: Any, text: str) -> Sentence | None:
    """Return the sentence that an executor reports; None if that is none, or makes another text than the reported."""
    match reported:
        case {"format": str(format_text), "values": dict(values)}:
            names = _VALUE.findall(format_text)
            plain = len(format_text) <= _LONGEST and not {"{", "}"} & set(_VALUE.sub("", format_text))
            if plain and set(names) == set(values) and all(isinstance(value, str) for value in values.values()):
                made = Sentence(format_text, **values)
                return made if made == text else None
    return None
