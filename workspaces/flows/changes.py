"""Find the steps of a flow that change resources, and those among them without an approval."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from workspaces.choices import PLAN_TYPES, StepType

from .flow import FlowStep

_OF_RESOURCES = frozenset({StepType.APPLY, StepType.DESTROY})
CHANGING_TYPES = _OF_RESOURCES | {StepType.SCRIPTS, StepType.DISABLE_WORKSPACE, StepType.SCHEDULE_TEMPLATES}
"""Steps that change resources, the state, or what runs later; a plan and an approval change nothing."""


def changes_resources(flow: Iterable[FlowStep]) -> bool:
    """Return whether a flow has a step that changes resources."""
    return any(step.type in CHANGING_TYPES for step in flow)


def plan_part(flow: Iterable[FlowStep]) -> tuple[FlowStep, ...]:
    """Return the plans of a flow before its first step that changes something: what a pull request may run."""
    found = []
    for step in flow:
        if step.type in CHANGING_TYPES:
            break
        if step.type in PLAN_TYPES:
            found.append(step)
    return tuple(found)


def first_unapproved_step(
    flow: Iterable[FlowStep], *, counts: Callable[[FlowStep], bool] = lambda step: True
) -> FlowStep | None:
    """Return the first step that changes resources without an approval before it; None when all are approved.

    One approval covers one apply or destroy, and the scripts and other steps after it. ``counts`` decides whether an
    approval counts.
    """
    approved = is_fresh = False
    for step in flow:
        if step.type == StepType.APPROVAL:
            if counts(step):
                approved = is_fresh = True
        elif step.type in _OF_RESOURCES:
            if not is_fresh:
                return step
            is_fresh = False
        elif step.type in CHANGING_TYPES and not approved:
            return step
    return None


def has_scripts(flow: Iterable[FlowStep]) -> bool:
    """Return whether a flow contains scripts or imports them from a repository."""
    return any(step.type == StepType.SCRIPTS or _brings_scripts(step) for step in flow)


def has_scripts_before_approval(flow: Iterable[FlowStep]) -> bool:
    """Return whether scripts run before the first approval of a flow; False without an approval."""
    for step in flow:
        if step.type == StepType.APPROVAL:
            return False
        if step.type == StepType.SCRIPTS or _brings_scripts(step):
            return True
    return False


def chooses_variables(step: FlowStep) -> bool:
    """Return whether a step names which variables of the organization it gets, and so gets no others."""
    imported = step.import_commands
    maps = [step.inputs_env, step.inputs_terraform]
    if imported is not None:
        maps += [imported.inputs_env, imported.inputs_terraform]
    return any(maps)


def _brings_scripts(step: FlowStep) -> bool:
    return bool(step.commands or step.on_failure or step.on_reject or step.import_commands)
