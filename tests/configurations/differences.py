"""The differences between a terminal and the site that are meant, each with its reason.

A difference that is not listed fails its test, and so does a listed one that is gone.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.configurations.case import TERRAFORM, TOFU
from tests.configurations.matrix import Row
from workspaces.choices import IacType


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What differs in one case, by the names of the facts; see ``facts.py``."""

    case: str
    facts: tuple[str, ...]
    reason: str
    programs: tuple[IacType, ...] = (TERRAFORM, TOFU)
    places: tuple[str, ...] = ("machine", "pod")
    by_the_clock: bool = False
    """Two runs within one second are equal."""


_IN_STATE = ("1 output.a", "1 managed.terraform_data.a[null]")
_NOT_AT_TERMINAL = ("1 outcome", "1 said", *_IN_STATE)
DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        case="word-for-any-by-argument",
        facts=("1 outcome", "1 said", "1 output.given"),
        reason="For a variable of type any, -var takes expressions alone; the site takes what is none as a text.",
    ),
    Difference(
        case="undeclared-variable",
        facts=("1 outcome", "1 said", "1 output.region"),
        reason="A variable that nothing declares is not passed and told on the job's page; -var of one is an error.",
    ),
    Difference(
        case="division-by-nothing",
        facts=("1 said",),
        reason="An apply makes a plan file first, which cannot hold the infinite number; a state cannot either.",
    ),
    Difference(
        case="checks",
        facts=("1 said",),
        reason="An apply makes a plan file first, and such a plan warns of a check that is known after apply.",
    ),
    Difference(
        case="conditions-that-change",
        facts=("1 check check check.a", "2 check check check.b"),
        reason="A plan without changes ends its job before the apply, which would write what its checks found.",
        places=("pod",),
    ),
    Difference(
        case="target-that-is-not-there",
        facts=("2 said",),
        reason="A plan without changes ends its job before the apply, which would warn that it may be incomplete.",
        places=("pod",),
    ),
    Difference(
        case="time-sleep",
        facts=("1 managed.time_sleep.a[null]",),
        reason="The resource's id is the time of its creation.",
        by_the_clock=True,
    ),
    Difference(case="clock", facts=("1 output.now",), reason="It tells the time of each run.", by_the_clock=True),
    Difference(
        case="path-of-the-home",
        facts=("1 output.home",),
        reason="Steps have a home of their own, the same in every step of a workspace.",
    ),
    Difference(
        case="own-http-backend",
        facts=_NOT_AT_TERMINAL,
        reason="The site's backend replaces any other; at the terminal nothing answers at its address.",
    ),
    Difference(
        case="own-cloud-block",
        facts=_NOT_AT_TERMINAL,
        reason="The site's backend replaces a cloud block; at the terminal nothing answers at its host.",
    ),
    Difference(
        case="state-in-the-source",
        facts=("1 outcome", *_IN_STATE),
        reason="A state in the source is refused, since it would be passed over; it has to be imported.",
    ),
    Difference(
        case="script-removes-a-file",
        facts=("2 changes",),
        reason="Each job starts from the source, where the file is; at the terminal the folder stays as it was left.",
    ),
)


def listed(row: Row, *, clocks: bool = True) -> set[str]:
    """Return the names of the facts that may differ in a row; without those of clocks, of those that must."""
    place = "pod" if row.in_pods else "machine"
    return {
        name
        for difference in DIFFERENCES
        if difference.case == row.case.name and row.program in difference.programs and place in difference.places
        if clocks or not difference.by_the_clock
        for name in difference.facts
    }
