"""A span of a step's trace, independent of any library."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A span of a trace; ``parent`` None is the root."""

    key: str
    parent: str | None
    name: str
    service: str
    begin: dt.datetime
    end: dt.datetime
    attributes: tuple[tuple[str, str | int], ...] = ()
    failed: bool = False
