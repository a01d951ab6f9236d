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

from terrakube_site.messages import message
from workspaces.pods import catalogue
from workspaces.pods.catalogue import SETTINGS, Kind

ANY = "*"
_RANGE = re.compile(r"(\d{1,10})\.\.(\d{1,10})", re.ASCII)
_NUMBER = re.compile(r"\d{1,10}", re.ASCII)

type Parts = tuple[str, ...]
"""The parts of one item of a value, or the patterns for them."""
type Items = list[tuple[str, Parts]]
"""The items of a value: each the text to show, and its parts."""


def items(name: str, text: str) -> Items:
    """Split a value into items. An invalid text gives what it can."""
    name = catalogue.plain_name(name)
    match SETTINGS[name].kind:
        case Kind.SWITCH:
            on = text.strip().lower() not in catalogue.OFF_TEXTS
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
    """Parse an entry of a rule to patterns. Raises ValueError with the end of a sentence that begins with the entry."""
    kind = SETTINGS[catalogue.plain_name(name)].kind
    separator = "," if kind is Kind.NAMES else ";"
    if kind in (Kind.PAIRS, Kind.TOLERATIONS, Kind.NAMES) and separator in text:
        raise ValueError(message(_("contains '{separator}'; write one entry per line"), separator=separator))
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
            raise ValueError(
                message(_("has a range whose first number is greater than its last: {range}"), range=pattern)
            )
    return found


def fits(patterns: Parts, parts: Parts) -> bool:
    """Return whether the parts of an item match the patterns of an entry."""
    return all(map(_matches, patterns, parts))


def within(narrow: Parts, wide: Parts) -> bool:
    """Return whether everything that matches one entry also matches another; never wrongly true, false if undecided."""
    return all(map(_within, narrow, wide))


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
    # The values of environment variables may be secrets.
    return item.partition("=")[0].strip() if name == catalogue.ENVIRONMENT else item


def _pair(name: str, item: str) -> Parts:
    key, _equals, value = (part.strip() for part in item.partition("="))
    if name in (catalogue.POD_SECURITY, catalogue.CONTAINER_SECURITY):
        # 00 is root too, and True is true.
        value = str(int(value)) if _NUMBER.fullmatch(value) else value.lower()
    return key, value


def _toleration(text: str, *, value: str, operator: str, effect: str) -> Parts:
    head, *rest = [part.strip() for part in text.split(":")]
    given = [part or default for part, default in zip([*rest, "", ""], (operator, effect), strict=False)]
    key, equals, said = (part.strip() for part in head.partition("="))
    return key, said if equals else value, given[0], given[1]
