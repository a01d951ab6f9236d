"""Invariants of records and cluster: what holds at any moment, whatever was killed or lost; read only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from executors.installation.settings import Installation

AT_MOST = 50
"""Maximum number of reported violations per invariant."""
SETTLING_SECONDS = 60
"""Time that work between two transactions may take; the sweep finds lost work within 10 seconds."""
RECENT_DAYS = 7
"""Days of logs and states to read; there may be millions of older pieces."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One row that breaks an invariant: its name ("job 12") and what is wrong with it."""

    row: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Context of a check."""

    now: dt.datetime
    conf: Installation
    waiting_minutes: float = 5
    """Time after which a waiting job must give a reason."""
    recent_days: float = RECENT_DAYS

    def ago(self, seconds: float) -> dt.datetime:
        return self.now - dt.timedelta(seconds=seconds)

    @property
    def settled(self) -> dt.datetime:
        """Records older than this must have settled."""
        return self.ago(SETTLING_SECONDS)

    @property
    def recent(self) -> dt.datetime:
        return self.now - dt.timedelta(days=self.recent_days)


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule with its short name and one sentence; ``find`` yields at most ``AT_MOST`` violations in few queries."""

    name: str
    sentence: str
    find: Callable[[Moment], Iterable[Violation]]


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of checking one invariant; ``left_out`` says why it was not checked, "" if it was."""

    name: str
    sentence: str
    violations: tuple[Violation, ...] = ()
    left_out: str = ""
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return not self.violations and not self.left_out
