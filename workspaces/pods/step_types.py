"""Settings of one step type: a name with an ending counts in the steps of that type, instead of the plain name."""

from __future__ import annotations

from collections.abc import Container, Mapping

from workspaces.choices import StepType

from .catalogue import APPLY, DESTROY, PLAN, SETTINGS, STEP_SETTINGS

ENDINGS = {
    StepType.PLAN: PLAN,
    StepType.PLAN_DESTROY: PLAN,
    StepType.APPLY: APPLY,
    StepType.DESTROY: DESTROY,
}


def step_ending(step_type: str) -> str:
    """Return the ending of the settings of a step type, "" for a type without settings of its own."""
    return ENDINGS.get(StepType(step_type), "")


def name_for(name: str, ending: str, known: Container[str]) -> str:
    """Return the name of the variable that says a setting in the steps of one type."""
    own = f"{name}_{ending}"
    return own if own in STEP_SETTINGS and own in known else name


def for_step[V](environment: Mapping[str, V], ending: str) -> dict[str, V]:
    """Return the environment of the steps of one type: plain names only, with the values of that type."""
    found = {name: value for name, value in environment.items() if name not in STEP_SETTINGS}
    own = {name: name_for(name, ending, environment) for name in SETTINGS}
    return found | {name: environment[said] for name, said in own.items() if said != name}
