"""The grammar of filters, RSQL: text → a tree of comparisons. Pure; what the names mean is looked up elsewhere.

    or          = and *("," and)
    and         = constraint *(";" constraint)
    constraint  = "(" or ")" / comparison
    comparison  = selector operator (value / "(" value *("," value) ")")

``and`` and ``or`` may be written as words between spaces. A value is bare, or in single or double quotes, where a
backslash takes the next character as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_LENGTH = 4096
MAX_DEPTH = 50
MAX_COMPARISONS = 200
OPERATORS = {
    "==": "==",
    "!=": "!=",
    "<": "=lt=",
    "<=": "=le=",
    ">": "=gt=",
    ">=": "=ge=",
    "=lt=": "=lt=",
    "=le=": "=le=",
    "=gt=": "=gt=",
    "=ge=": "=ge=",
    "=in=": "=in=",
    "=out=": "=out=",
    "=ini=": "=ini=",
    "=isnull=": "=isnull=",
    "=between=": "=between=",
    "=hasmember=": "=hasmember=",
    "=isempty=": "=isempty=",
}
_LISTS = frozenset({"=in=", "=out=", "=ini=", "=between="})
_SELECTOR = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_OPERATOR = re.compile(r"=[a-zA-Z]*=|!=|[<>]=?")
_BARE = re.compile(r"""[^"'();,=!~<>\s]+""")
_AND = re.compile(r"\s*;\s*|\s+and\s+")
_OR = re.compile(r"\s*,\s*|\s+or\s+")


class RsqlError(Exception):
    """The text does not follow the grammar; the message names the place."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """``selector`` is a dotted path; ``operator`` one of the values of OPERATORS."""

    selector: tuple[str, ...]
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class All:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Any_:
    parts: tuple[Node, ...]


type Node = Comparison | All | Any_


def parse(text: str) -> Node:
    """Parse a filter to a tree. Raises RsqlError."""
    if len(text) > MAX_LENGTH:
        raise RsqlError(f"The filter is longer than {MAX_LENGTH} characters")
    reader = _Reader(text.strip())
    tree = reader.any_of(0)
    if reader.place < len(reader.text):
        raise reader.unexpected("the end, ';' or ','")
    return tree


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self.comparisons = 0

    def unexpected(self, expected: str) -> RsqlError:
        found = repr(self.text[self.place : self.place + 20]) if self.place < len(self.text) else "its end"
        return RsqlError(f"At character {self.place + 1} of the filter {expected} is expected, not {found}")

    def take(self, pattern: re.Pattern[str]) -> str | None:
        match = pattern.match(self.text, self.place)
        if match is None:
            return None
        self.place = match.end()
        return match[0]

    def any_of(self, depth: int) -> Node:
        parts = [self.all_of(depth)]
        while self.take(_OR) is not None:
            parts.append(self.all_of(depth))
        return parts[0] if len(parts) == 1 else Any_(tuple(parts))

    def all_of(self, depth: int) -> Node:
        parts = [self.constraint(depth)]
        while self.take(_AND) is not None:
            parts.append(self.constraint(depth))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def constraint(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise RsqlError(f"The filter's parentheses are nested deeper than {MAX_DEPTH}")
        if self.take(re.compile(r"\(\s*")) is None:
            return self.comparison()
        tree = self.any_of(depth + 1)
        if self.take(re.compile(r"\s*\)")) is None:
            raise self.unexpected("')'")
        return tree

    def comparison(self) -> Comparison:
        self.comparisons += 1
        if self.comparisons > MAX_COMPARISONS:
            raise RsqlError(f"The filter has more than {MAX_COMPARISONS} comparisons")
        selector = self.take(_SELECTOR)
        if selector is None:
            raise self.unexpected("a field")
        self.take(re.compile(r"\s*"))
        start = self.place
        written = self.take(_OPERATOR)
        if written is None:
            raise self.unexpected("an operator")
        operator = OPERATORS.get(written)
        if operator is None:
            self.place = start
            raise RsqlError(f"Unknown operator {written} in the filter; there are {', '.join(OPERATORS)}")
        self.take(re.compile(r"\s*"))
        values = self.values()
        if operator not in _LISTS and len(values) != 1:
            raise RsqlError(f"{written} takes one value, not {len(values)}")
        if operator == "=between=" and len(values) != 2:
            raise RsqlError(f"{written} takes two values, not {len(values)}")
        return Comparison(tuple(selector.split(".")), operator, values)

    def values(self) -> tuple[str, ...]:
        if self.take(re.compile(r"\(\s*")) is None:
            return (self.value(),)
        values = [self.value()]
        while self.take(re.compile(r"\s*,\s*")) is not None:
            values.append(self.value())
        if self.take(re.compile(r"\s*\)")) is None:
            raise self.unexpected("',' or ')'")
        return tuple(values)

    def value(self) -> str:
        quote = self.text[self.place : self.place + 1]
        if quote not in {"'", '"'}:
            bare = self.take(_BARE)
            if bare is None:
                raise self.unexpected("a value")
            return bare
        value: list[str] = []
        place = self.place + 1
        while place < len(self.text) and self.text[place] != quote:
            if self.text[place] == "\\" and place + 1 < len(self.text):
                place += 1
            value.append(self.text[place])
            place += 1
        if place >= len(self.text):
            raise self.unexpected(f"a value with a closing {quote}")
        self.place = place + 1
        return "".join(value)
