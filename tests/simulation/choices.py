"""Every choice of a history, from one seed: recorded, so that a history can be repeated and made smaller."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping


class Choices:
    """Choices by subject, numbered for each, so that one less here leaves the others as they are.

    0 is always the harmless one, so only the others are kept in ``made``: "task lost:3" is the third of its subject.
    ``fixed`` None draws them by the seed; else each has the given value, and 0 if there is none.
    """

    def __init__(self, seed: int, fixed: Mapping[str, int] | None = None) -> None:
        self.made: dict[str, int] = {}
        self._numbers: Counter[str] = Counter()
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, no secret
        self._fixed = fixed

    def _key(self, subject: str) -> str:
        self._numbers[subject] += 1
        return f"{subject}:{self._numbers[subject]}"

    def pick(self, subject: str, options: int) -> int:
        """Choose a number below ``options``."""
        key = self._key(subject)
        value = self._random.randrange(options) if self._fixed is None else self._fixed.get(key, 0) % options
        if value:
            self.made[key] = value
        return value

    def settled(self, subject: str, by_seed: bool) -> bool:
        """Choose what the seed settles without a draw: all other choices stay as they are."""
        key = self._key(subject)
        value = by_seed if self._fixed is None else bool(self._fixed.get(key, 0))
        if value:
            self.made[key] = 1
        return value

    def happens(self, subject: str, likelihood: float) -> bool:
        """Choose whether something bad happens; with ``fixed`` choices the likelihood does not matter."""
        key = self._key(subject)
        bad = self._random.random() < likelihood if self._fixed is None else bool(self._fixed.get(key, 0))
        if bad:
            self.made[key] = 1
        return bad
