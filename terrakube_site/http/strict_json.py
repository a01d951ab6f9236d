"""Parse JSON strictly: no NaN or Infinity, no duplicate keys, limited depth, UTF-8 only."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn


def loads(content: bytes) -> Any:
    """Parse a JSON text. Raises ValueError with the end of a sentence that begins with "it"."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None
    try:
        return json.loads(text, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_distinct)
    except json.JSONDecodeError:
        raise ValueError("has a syntax error") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None


LARGEST = 2**63 - 1
"""The largest whole number that a database holds."""


def check_leaves(value: Any) -> None:
    """Raise ValueError, with the end of a sentence, for a text or number that no database can store."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, str):
            if "\0" in one or any("\ud800" <= character <= "\udfff" for character in one):
                raise ValueError("holds a text with the character NUL or half a character")
        elif isinstance(one, int) and not -LARGEST <= one <= LARGEST:
            raise ValueError(f"holds a number beyond {LARGEST}")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"holds {name}, which is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("holds a number that is too large")
    return number


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("holds an object with a key twice")
    return found
