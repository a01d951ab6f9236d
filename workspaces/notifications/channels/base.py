"""What the channels share: a message to a destination, and what came of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from workspaces.choices import MessageStyle, NotificationEvent
from workspaces.notifications.facts import Facts

E = NotificationEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a message goes, as a configuration says or as somebody tries; the secrets are plain here."""

    channel: str
    destination: str
    secret: str = ""
    style: str = MessageStyle.DETAILED
    template: str = ""
    name: str = ""

    @property
    def is_detailed(self) -> bool:
        return self.style != MessageStyle.SIMPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is told, under which id, and when, by which a receiver knows a repeated one."""

    facts: Facts
    delivery: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Sent:
    """The request that carries a message."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one try. ``status`` is None without an answer; ``retry_after`` what the receiver asked for.

    ``problem`` is "" for a message that was taken; ``is_final``: a further try would be refused alike.
    """

    status: int | None = None
    answer: str = ""
    problem: str = ""
    is_final: bool = False
    retry_after: dt.timedelta | None = None


def json_body(content: object) -> bytes:
    return orjson.dumps(content)


_GOOD, _WAITS, _BAD, _OTHER = "#2eb67d", "#ecb22e", "#e01e5a", "#868686"
_COLORS = {
    **dict.fromkeys((E.COMPLETED, E.NO_CHANGES, E.APPROVED, E.TEST), _GOOD),
    **dict.fromkeys((E.WAITING_APPROVAL, E.DRIFTED, E.TOKEN_ENDING, E.CONNECTION_ENDING), _WAITS),
    **dict.fromkeys((E.FAILED, E.REJECTED, E.POLICY_REFUSED), _BAD),
}


def color_of(event: str) -> str:
    """Return the color of an event's edge: good, waiting, bad or other."""
    return next((color for known, color in _COLORS.items() if known == event), _OTHER)


def button_of(facts: Facts) -> str:
    """Return what the button to the panel says."""
    if facts.event == E.WAITING_APPROVAL:
        return "Approve or reject"
    return "View Run" if facts.job else "Open"


def shorten(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
