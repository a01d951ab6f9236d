"""A piece of a step's trace, before any library knows of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A piece of a trace; ``parent`` None is its root."""

    key: str
    parent: str | None
    name: str
    service: str
    begin: dt.datetime
    end: dt.datetime
    attributes: tuple[tuple[str, str | int], ...] = ()
    failed: bool = False
