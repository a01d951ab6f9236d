"""Which limits and deadlines are in force: the installation's, an organization's, a workspace's; pure.

Three kinds of limit, by how the levels meet. Of a *deadline* the lowest counts, so nobody can lengthen what is above.
A *rule* is that of the level nearest to the workspace. A *count* is each level's own: what an organization may have at
once says nothing of what one workspace may have, so a level that names none has none.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from django.utils.translation import gettext_noop as _

INSTALLATION = _("installation")
ORGANIZATION = _("organization")
WORKSPACE = _("workspace")


class Meeting(enum.Enum):
    """How the values of several levels become the one in force."""

    LOWEST = "the lowest of all levels"
    NEAREST = "that of the level nearest to the workspace"
    OWN = "each level's own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits and deadlines of one level, or those in force; None: this level says nothing, or there is none."""

    image_seconds: int | None = None
    reference_seconds: int | None = None
    unschedulable_seconds: int | None = None
    claim_seconds: int | None = None
    silence_seconds: int | None = None
    step_seconds: int | None = None
    retry_plans: bool | None = None
    running_steps: int | None = None
    running_applies: int | None = None
    share: int | None = None
    keep_jobs: int | None = None
    keep_log_days: int | None = None


MEETING: Mapping[str, Meeting] = {
    "image_seconds": Meeting.LOWEST,
    "reference_seconds": Meeting.LOWEST,
    "unschedulable_seconds": Meeting.LOWEST,
    "claim_seconds": Meeting.LOWEST,
    "silence_seconds": Meeting.LOWEST,
    "step_seconds": Meeting.LOWEST,
    "retry_plans": Meeting.NEAREST,
    "running_steps": Meeting.OWN,
    "running_applies": Meeting.OWN,
    "share": Meeting.OWN,
    "keep_jobs": Meeting.NEAREST,
    "keep_log_days": Meeting.NEAREST,
}
NAMES = tuple(MEETING)
DEADLINES = tuple(name for name, meeting in MEETING.items() if meeting is Meeting.LOWEST)


@dataclass(frozen=True, slots=True)
class InForce:
    """The value that counts and the level that said it; None and "" where no level says anything."""

    value: Any
    origin: str


type Levels = Sequence[tuple[str, Any]]
"""Names of levels and what has their limits as attributes (a Limits or a RunLimits), the outermost first."""


def in_force(name: str, levels: Levels) -> InForce:
    """The value of one limit that counts at the last of the levels."""
    said = [(getattr(limits, name), origin) for origin, limits in levels]
    if MEETING[name] is Meeting.OWN:
        said = said[-1:]
    found = [(value, origin) for value, origin in said if value is not None]
    if not found:
        return InForce(None, "")
    if MEETING[name] is Meeting.LOWEST:
        # Of equal ones the outermost is named: it would count without the others too.
        return InForce(*min(found, key=lambda pair: pair[0]))
    return InForce(*found[-1])


def resolved(levels: Levels) -> Limits:
    """All limits that count at the last of the levels."""
    return Limits(**{field.name: in_force(field.name, levels).value for field in fields(Limits)})


def longer_than_above(limits: Any, above: Levels) -> dict[str, InForce]:
    """The deadlines of ``limits`` that are longer than what is in force above, with that."""
    found = {}
    for name in DEADLINES:
        own, limit = getattr(limits, name), in_force(name, above)
        if own is not None and limit.value is not None and own > limit.value:
            found[name] = limit
    return found


# ---- what the installation says -------------------------------------------------------------------------------------

_source: Callable[[], Limits] = Limits


def provide(source: Callable[[], Limits]) -> None:
    """Say where the installation's limits come from: from who runs the steps, which this package knows nothing of."""
    global _source
    _source = source


def of_installation() -> Limits:
    """The installation's limits; nothing where it names none."""
    return _source()
