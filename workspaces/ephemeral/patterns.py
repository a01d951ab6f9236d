"""What an entry of a policy says of the parts of a variable's value, and whether one entry is as narrow as another.

A value is taken apart as its variable's kind is written: one name, path or amount; several names; pairs of key and
value; tolerations with key, value, operator and effect. An entry is written the same way, with patterns for the parts:

- `*` in a pattern is any text, also none. Upper and lower case count.
- `1000..65535` is any whole number from the first to the last.
- What an entry does not name may be anything: `team` is the key team with any value, `spot:Exists:NoSchedule` is of
  every value, and `spot` is of every effect.
"""

import re
from collections.abc import Iterator

from django.utils.translation import gettext_noop as _

from . import variables
from .variables import SETTINGS, Kind

ANY = "*"
_RANGE = re.compile(r"(\d{1,10})\.\.(\d{1,10})", re.ASCII)
_NUMBER = re.compile(r"\d{1,10}", re.ASCII)

type Parts = tuple[str, ...]
"""The parts of one item of a value, or the patterns for them."""


def items(name: str, text: str) -> list[tuple[str, Parts]]:
    """Take a text apart: each item as it is shown, and its parts. What is not well written gives what it can."""
    match SETTINGS[name].kind:
        case Kind.SWITCH:
            on = text.strip().lower() not in variables.OFF_TEXTS
            return [(text.strip(), ("1" if on else "0",))]
        case Kind.NAMES:
            return [(item, (item,)) for item in _split(text, ",")]
        case Kind.PAIRS:
            return [(_shown_pair(name, item), _pair(name, item)) for item in _split(text, ";")]
        case Kind.TOLERATIONS:
            return [(item, _toleration(item, value="", operator="Exists", effect="")) for item in _split(text, ";")]
        case Kind.PATH:
            path = text.strip()
            return [(path, (path.rstrip("/") or "/",))]
        case _:
            return [(text.strip(), (text.strip(),))]


def entry(name: str, text: str) -> Parts:
    """The patterns of an entry for a variable. Raises ValueError with the end of a sentence that begins with it."""
    kind = SETTINGS[name].kind
    separator = "," if kind is Kind.NAMES else ";"
    if kind in (Kind.PAIRS, Kind.TOLERATIONS, Kind.NAMES) and separator in text:
        raise ValueError(_("has a '{separator}': each entry has a line of its own").format(separator=separator))
    if kind is Kind.PAIRS:
        key, equals, value = (part.strip() for part in text.partition("="))
        found: Parts = (key, value if equals else ANY)
    elif kind is Kind.TOLERATIONS:
        if text.count(":") > 2:
            raise ValueError(_("has more than key, operator and effect"))
        found = _toleration(text, value=ANY, operator=ANY, effect=ANY)
    else:
        found = (text,)
    if not found[0]:
        raise ValueError(_("has no key") if len(found) > 1 else _("is empty"))
    for pattern in found:
        match = _RANGE.fullmatch(pattern)
        if match and int(match[1]) > int(match[2]):
            raise ValueError(_("has a range whose first number is the greater: {range}").format(range=pattern))
    return found


def fits(patterns: Parts, parts: Parts) -> bool:
    """Whether the parts of an item are what the patterns of an entry say."""
    return all(map(_matches, patterns, parts))


def within(narrow: Parts, wide: Parts) -> bool:
    """Whether all that fits one entry also fits another. Never wrongly true; false where it is hard to tell."""
    return all(map(_within, narrow, wide))


def overlaps(one: Parts, other: Parts) -> bool:
    """Whether something may fit both entries, as far as plain texts and single patterns tell."""
    return all(_within(a, b) or _within(b, a) for a, b in zip(one, other, strict=True))


def _matches(pattern: str, text: str) -> bool:
    bounds = _RANGE.fullmatch(pattern)
    if bounds:
        return bool(_NUMBER.fullmatch(text)) and int(bounds[1]) <= int(text) <= int(bounds[2])
    if ANY not in pattern:
        return pattern == text
    return re.fullmatch(".*".join(map(re.escape, pattern.split(ANY))), text, re.DOTALL) is not None


def _within(narrow: str, wide: str) -> bool:
    inner, outer = _RANGE.fullmatch(narrow), _RANGE.fullmatch(wide)
    if inner and outer:
        return int(outer[1]) <= int(inner[1]) and int(inner[2]) <= int(outer[2])
    if inner:
        return wide == ANY
    # As a text the narrow pattern's own `*` is a character that only a `*` of the wide one takes in.
    return _matches(wide, narrow)


def _split(text: str, separator: str) -> Iterator[str]:
    return (item for part in text.split(separator) if (item := part.strip()))


def _shown_pair(name: str, item: str) -> str:
    # The values of environment variables are nobody else's business.
    return item.partition("=")[0].strip() if name == variables.ENVIRONMENT else item


def _pair(name: str, item: str) -> Parts:
    key, _equals, value = (part.strip() for part in item.partition("="))
    if name in (variables.POD_SECURITY, variables.CONTAINER_SECURITY):
        # 00 is root too, and True is true.
        value = str(int(value)) if _NUMBER.fullmatch(value) else value.lower()
    return key, value


def _toleration(text: str, *, value: str, operator: str, effect: str) -> Parts:
    head, *rest = [part.strip() for part in text.split(":")]
    given = [part or default for part, default in zip([*rest, "", ""], (operator, effect), strict=False)]
    key, equals, said = (part.strip() for part in head.partition("="))
    return key, said if equals else value, given[0], given[1]
