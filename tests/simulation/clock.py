"""The clock of a history: what ``timezone.now`` and ``time.monotonic`` say, and what sleeping does, in one place."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

from django.utils import timezone

BEGIN = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
MONOTONIC = 1_000_000.0
"""Where the monotonic clock begins. Far from zero: a first act is else "too soon" after one that never was."""


class Clock:
    """Seconds since ``BEGIN``; they pass only where the schedule lets them."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> dt.datetime:
        return BEGIN + dt.timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return MONOTONIC + self.seconds

    def text(self) -> str:
        """The time as Kubernetes writes it."""
        return self.now().strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def in_force(clock: Clock, sleep: Callable[[float], None]) -> Iterator[None]:
    """Let this clock be the process's clock.

    Django's ``timezone.now`` looks its class up at each call, so references that others keep to it follow too.
    """

    class Fake(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
            return clock.now().astimezone(tz) if tz is not None else clock.now().replace(tzinfo=None)

    with (
        mock.patch.object(timezone, "datetime", Fake),
        mock.patch.object(time, "monotonic", clock.monotonic),
        mock.patch.object(time, "sleep", sleep),
    ):
        yield
