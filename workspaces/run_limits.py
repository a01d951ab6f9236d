"""Which limits and timeouts are in force: the installation's, an organization's or a workspace's; pure.

Levels combine in three ways. A *deadline* takes the lowest value, so no level can extend the one above. A *rule* takes
the value nearest to the workspace. A *count* belongs to each level: an organization's limit says nothing about one
workspace, so a level without a count has no limit.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_noop as _

INSTALLATION = _("installation")
ORGANIZATION = _("organization")
WORKSPACE = _("workspace")


class LevelRule(enum.Enum):
    """How the values of several levels combine into the one in force."""

    LOWEST = "the lowest of all levels"
    NEAREST = "that of the level nearest to the workspace"
    OWN = "each level's own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits and timeouts of one level, or those in force; None is not set, or no limit."""

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
    keep_states: int | None = None


LEVEL_RULES: Mapping[str, LevelRule] = {
    "image_seconds": LevelRule.LOWEST,
    "reference_seconds": LevelRule.LOWEST,
    "unschedulable_seconds": LevelRule.LOWEST,
    "claim_seconds": LevelRule.LOWEST,
    "silence_seconds": LevelRule.LOWEST,
    "step_seconds": LevelRule.LOWEST,
    "retry_plans": LevelRule.NEAREST,
    "running_steps": LevelRule.OWN,
    "running_applies": LevelRule.OWN,
    "share": LevelRule.OWN,
    "keep_jobs": LevelRule.NEAREST,
    "keep_log_days": LevelRule.NEAREST,
    "keep_states": LevelRule.NEAREST,
}
NAMES = tuple(LEVEL_RULES)
DEADLINES = tuple(name for name, meeting in LEVEL_RULES.items() if meeting is LevelRule.LOWEST)


@dataclass(frozen=True, slots=True)
class LimitInForce:
    """The value in force and the level that sets it; None and "" where no level does."""

    value: Any
    origin: str


type Levels = Sequence[tuple[str, Any]]
"""Names of levels and what has their limits as attributes (a Limits or a RunLimits), the outermost first."""


def limit_in_force(name: str, levels: Levels) -> LimitInForce:
    """Return the value of one limit in force at the last of the levels."""
    said = [(getattr(limits, name), origin) for origin, limits in levels]
    if LEVEL_RULES[name] is LevelRule.OWN:
        said = said[-1:]
    found = [(value, origin) for value, origin in said if value is not None]
    if not found:
        return LimitInForce(None, "")
    if LEVEL_RULES[name] is LevelRule.LOWEST:
        # Of equal values the outermost level is named: it would apply without the others.
        return LimitInForce(*min(found, key=lambda pair: pair[0]))
    return LimitInForce(*found[-1])


def deadlines_above_limit(limits: Any, above: Levels) -> dict[str, LimitInForce]:
    """Return the deadlines of ``limits`` that exceed those in force above, with these."""
    found = {}
    for name in DEADLINES:
        own, limit = getattr(limits, name), limit_in_force(name, above)
        if own is not None and limit.value is not None and own > limit.value:
            found[name] = limit
    return found


# ---- what the installation says -------------------------------------------------------------------------------------

_source: Callable[[], Limits] = Limits


def register_installation_limits(source: Callable[[], Limits]) -> None:
    """Register the source of the installation's limits; it lives in the package that runs the steps."""
    global _source
    _source = source


def installation_limits() -> Limits:
    """Return the installation's limits; empty where it sets none."""
    return _source()
