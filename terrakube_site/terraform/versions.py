"""Version numbers and the ranges that a workspace may name instead of one: `1.5.7`, `~1.5`, `1.x`, `>=1.3 <1.6`, `*`.

Ranges mean what they mean in Terrakube, which reads them as npm does: `~1.5` and `~>1.5` are 1.5.*, `^1.5` is
everything from 1.5 below 2. A pre-release is only taken when a range names one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import total_ordering

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
_PARTIAL = re.compile(r"v?(\d+|[xX*])?(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
_TERM = re.compile(r"(~>|~|\^|>=|<=|>|<|=|!=)?\s*([0-9xX*v][^\s,<>=~^|!]*)")
_HYPHEN = re.compile(r"(\S+)\s+-\s+(\S+)")


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """Major, minor, patch, and the pre-release text ("" for a release)."""

    major: int
    minor: int
    patch: int
    pre: str = ""

    @classmethod
    def parse(cls, text: str) -> Version | None:
        """The version that the text is, a leading `v` allowed; None when it is none."""
        match = _VERSION.fullmatch(text.strip())
        return cls(int(match[1]), int(match[2]), int(match[3]), match[4] or "") if match else None

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}" + (f"-{self.pre}" if self.pre else "")

    def __lt__(self, other: Version) -> bool:
        return self._key() < other._key()

    def _key(self) -> tuple[tuple[int, int, int], bool, list[tuple[bool, int, str]]]:
        # A release is above its pre-releases; numbers among them compare as numbers and are below words.
        pre = [(not p.isdecimal(), int(p) if p.isdecimal() else 0, p) for p in self.pre.split(".")] if self.pre else []
        return (self.major, self.minor, self.patch), not self.pre, pre


Test = Callable[[Version], bool]


class VersionRange:
    """What a workspace's version text accepts. Raises ValueError for a text that is no range."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self.exact = Version.parse(self.text.removeprefix("="))
        self._names_pre_release = bool(re.search(r"\d-[0-9A-Za-z]", self.text))
        self._alternatives = [_all_of(part) for part in self.text.split("||")]

    def accepts(self, version: Version) -> bool:
        """Whether the version will do."""
        if self.exact is not None:
            return version == self.exact
        if version.pre and not self._names_pre_release:
            return False
        return any(all(test(version) for test in tests) for tests in self._alternatives)

    def best(self, versions: Iterable[Version]) -> Version | None:
        """The highest version that will do."""
        return max((version for version in versions if self.accepts(version)), default=None)


def _all_of(text: str) -> list[Test]:
    text = text.strip()
    if text in ("", "latest"):
        return [lambda version: True]
    hyphen = _HYPHEN.fullmatch(text)
    if hyphen:
        return [*_tests(">=", hyphen[1]), *_tests("<=", hyphen[2])]
    tests: list[Test] = []
    rest = text
    while rest := rest.lstrip(" ,"):
        term = _TERM.match(rest)
        if not term:
            raise ValueError(f"{text!r} is no version and no range of versions.")
        tests += _tests(term[1] or "", term[2])
        rest = rest[term.end() :]
    return tests


def _tests(operator: str, text: str) -> list[Test]:
    match = _PARTIAL.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is no version.")
    numbers: list[int] = []
    for part in match.groups()[:3]:
        if part is None or part in "xX*":
            break
        numbers.append(int(part))
    low = _version(numbers, match[4] or "")
    above = _after(numbers)  # the first version beyond what a partial version stands for; None: there is none
    if operator == "!=":
        return [lambda version: version < low or (above is not None and version >= above)]
    if operator == ">=":
        return [lambda version: version >= low]
    if operator == "<":
        return [lambda version: version < low]
    if operator == ">":
        return [lambda version: above is not None and version >= above] if len(numbers) < 3 else [lambda v: v > low]
    if operator == "<=":
        return [lambda version: above is None or version < above] if len(numbers) < 3 else [lambda v: v <= low]
    if operator == "^":
        # The leftmost number that is not zero stays.
        keep = next((index for index, number in enumerate(numbers) if number), max(0, len(numbers) - 1))
        above = _after(numbers[: keep + 1])
    elif operator in ("~", "~>"):
        above = _after(numbers[:2])
    elif len(numbers) == 3:
        return [lambda version: version == low]
    end = above
    return [lambda version: version >= low and (end is None or version < end)]


def _after(numbers: list[int]) -> Version | None:
    if not numbers:
        return None
    raised = [*numbers[:-1], numbers[-1] + 1]
    # "-0" sorts below every pre-release, so that 2.0.0-beta is not below 2.
    return _version(raised, "0")


def _version(numbers: list[int], pre: str) -> Version:
    major, minor, patch = [*numbers, 0, 0, 0][:3]
    return Version(major, minor, patch, pre)
