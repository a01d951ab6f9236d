"""Version constraints as a configuration writes them for terraform and its providers: `~> 1.5`, `>= 1.3, < 2.0`.

They differ from the ranges of a workspace's version: here `~> 1.5` is everything from 1.5 below 2.
"""

from __future__ import annotations

import re

from .versions import Version

_TERM = re.compile(r"(=|!=|>=|<=|>|<|~>|)\s*v?(\d+(?:\.\d+){0,2})(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")


def meets(version: Version, constraint: str) -> bool:
    """Return whether a version meets all terms of a constraint. Raises ValueError for a text that is none."""
    return all(_meets(version, term.strip()) for term in constraint.split(",") if term.strip())


def _meets(version: Version, term: str) -> bool:
    match = _TERM.fullmatch(term)
    if match is None:
        raise ValueError(f"{term!r} is no version constraint")
    operator, numbers = match[1] or "=", [int(part) for part in match[2].split(".")]
    wanted = _version(numbers, match[3] or "")
    if version.pre and not (operator in ("", "=") and version == wanted):
        # A pre-release is taken only where it is named.
        return operator == "!=" and version != wanted
    if operator == "~>":
        above = _version([*numbers[:-2], numbers[-2] + 1] if len(numbers) > 1 else [numbers[0] + 1])
        return wanted <= version and (version < above or len(numbers) == 1)
    return {
        "=": version == wanted,
        "!=": version != wanted,
        ">=": version >= wanted,
        "<=": version <= wanted,
        ">": version > wanted,
        "<": version < wanted,
    }[operator]


def _version(numbers: list[int], pre: str = "") -> Version:
    major, minor, patch = [*numbers, 0, 0][:3]
    return Version(major, minor, patch, pre)
