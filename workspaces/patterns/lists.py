"""Lists of patterns with commas between, of which one has to match. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from workspaces.patterns.automaton import Automaton, compiled
from workspaces.patterns.globs import as_expression

_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")


@dataclass(frozen=True, slots=True)
class Patterns:
    """Patterns of which one has to match a whole text; without any, nothing matches."""

    automatons: tuple[Automaton, ...]

    def matches(self, text: str) -> bool:
        return any(automaton.matches(text) for automaton in self.automatons)

    def first_match(self, texts: Iterable[str]) -> str | None:
        """Return the first of several texts that one of the patterns matches."""
        return next((text for text in texts if self.matches(text)), None)


@lru_cache(maxsize=1024)
def regular_expressions(text: str) -> Patterns:
    """Return the regular expressions of a list, such as `main,release/.*`. Raises PatternError."""
    return _patterns(text, lambda part: part)


@lru_cache(maxsize=1024)
def globs(text: str) -> Patterns:
    """Return the globs of a list, such as `envs/prod/**,modules/`. Raises PatternError."""
    return _patterns(text, as_expression)


def _patterns(text: str, expression: Callable[[str], str]) -> Patterns:
    return Patterns(tuple(compiled(expression(part)) for part in split(text)))


def split(text: str) -> list[str]:
    """Return the parts of a list; a comma within brackets of a pattern parts nothing."""
    parts, start, depth, escaped = [], 0, 0, False
    for place, character in enumerate(text):
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character in _OPENING:
            depth += 1
        elif character in _CLOSING:
            depth = max(depth - 1, 0)
        elif character == "," and not depth:
            parts.append(text[start:place])
            start = place + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]
