"""What can be wrong with a provider, for as long as a test wants it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.vcs.provider.calls import Call, Refused, Wrong


class Away(Exception):
    """The provider closes the connection without a word."""


@dataclass
class _Limit:
    pattern: re.Pattern[str]
    left: int
    seconds: int
    status: int


class Faults:
    """The faults in force: everything is well at first."""

    def __init__(self) -> None:
        self._away = False
        self._refusing = False
        self._failing: list[_Limit] = []
        self._not_before: dict[tuple[str, bytes], float] = {}

    @contextmanager
    def away(self) -> Iterator[None]:
        """Answer no call while this lasts: connections are closed."""
        self._away = True
        try:
            yield
        finally:
            self._away = False

    @contextmanager
    def tokens_refused(self) -> Iterator[None]:
        """Refuse each token with 401 while this lasts, as when an administrator blocks the account."""
        self._refusing = True
        try:
            yield
        finally:
            self._refusing = False

    def limit_rate(self, pattern: str = "", *, times: int = 1, seconds: int = 1, status: int = 429) -> None:
        """Answer the next calls whose ``METHOD PATH`` has the pattern with 429, or 403, and Retry-After.

        A caller that sends the same again sooner than it was told fails its test; what was under way may arrive.
        """
        self._failing.append(_Limit(re.compile(pattern), times, seconds, status))

    def fail(self, pattern: str = "", *, times: int = 1, status: int = 502) -> None:
        """Answer the next calls whose ``METHOD PATH`` has the pattern with an error of the server."""
        self._failing.append(_Limit(re.compile(pattern), times, 0, status))

    def check(self, call: Call) -> None:
        """Raise Away, Refused or Wrong for a call that meets a fault."""
        if self._away:
            raise Away
        until = self._not_before.pop((call.what, call.body), 0.0)
        # A second of Retry-After is whole: what was sent just before it ended may be seen just before it.
        if (early := until - time.monotonic()) > 0.1:
            raise Wrong(429, f"it came {early:.1f} s before the end of Retry-After")
        for fault in self._failing:
            if not fault.left or not fault.pattern.search(call.what):
                continue
            fault.left -= 1
            if not fault.seconds:
                raise Refused(fault.status, "Something went wrong")
            self._not_before[call.what, call.body] = time.monotonic() + fault.seconds
            raise Refused(
                fault.status, "You have exceeded a secondary rate limit.", {"Retry-After": str(fault.seconds)}
            )
        if self._refusing and call.headers.get("authorization"):
            raise Refused(401, "Bad credentials")
