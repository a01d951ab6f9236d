"""What must hold of the records and of the cluster at any moment, whatever was killed or lost; read only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from executors.conf import Installation

AT_MOST = 50
"""How many violations of one invariant are told."""
SETTLING_SECONDS = 60
"""What is on its way between two transactions has so long; the sweep finds what was lost within 10 seconds."""
RECENT_DAYS = 7
"""How far back logs and states are read; there may be millions of older pieces."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One row that breaks an invariant: what it is ("job 12") and what is wrong with it."""

    row: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What an invariant is asked with."""

    now: dt.datetime
    conf: Installation
    waiting_minutes: float = 5
    """After which a job that waits must say why."""
    recent_days: float = RECENT_DAYS

    def ago(self, seconds: float) -> dt.datetime:
        return self.now - dt.timedelta(seconds=seconds)

    @property
    def settled(self) -> dt.datetime:
        """What is older than this must have come to rest."""
        return self.ago(SETTLING_SECONDS)

    @property
    def recent(self) -> dt.datetime:
        return self.now - dt.timedelta(days=self.recent_days)


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule by its short name and one sentence; ``find`` gives at most ``AT_MOST`` violations in few queries."""

    name: str
    sentence: str
    find: Callable[[Moment], Iterable[Violation]]


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of asking for one invariant; ``left_out`` says why it could not be asked for, empty when it was."""

    name: str
    sentence: str
    violations: tuple[Violation, ...] = ()
    left_out: str = ""
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return not self.violations and not self.left_out
