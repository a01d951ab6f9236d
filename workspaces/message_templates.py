"""Templates of messages: text with names in braces, such as ``{workspace}``, and nothing else that acts.

Pure. A name is looked up in the values alone: no attribute, index, format or expression, so that a template can read
nothing and cost nothing. ``{{`` and ``}}`` are braces themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

LONGEST_TEMPLATE = 2000
LONGEST_MESSAGE = 4000
"""A value may be long; what is sent is cut here."""
_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class TemplateError(ValueError):
    """A template that cannot be used: ``wrong`` is the part to blame, at character ``place``, from 1."""

    def __init__(self, wrong: str, place: int) -> None:
        super().__init__(f"{wrong} at character {place}")
        self.wrong, self.place = wrong, place


def check_template(text: str, names: Collection[str]) -> None:
    """Raise TemplateError for a name that is unknown and for a brace that stands alone."""
    for found in _PART.finditer(text):
        if found[0] not in {"{{", "}}"} and (found[1] is None or found[1] not in names):
            raise TemplateError(found[0], found.start() + 1)


def render_template(text: str, values: Mapping[str, str], *, escape: Callable[[str], str] = str) -> str:
    """Return the message of a checked template; ``escape`` is how values are made safe for where it goes."""

    def part(found: re.Match[str]) -> str:
        if found[0] in {"{{", "}}"}:
            return found[0][0]
        return escape(values.get(found[1] or "", ""))

    return _PART.sub(part, text)[:LONGEST_MESSAGE]
