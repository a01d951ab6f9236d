"""Requests that Terrakube's own executor does not support: it takes addresses from TF_CLI_ARGS_plan alone."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext_noop as _

from executors.installation.settings import installation
from workspaces.choices import PLAN_TYPES, Category, StepType
from workspaces.errors import InvalidInput
from workspaces.flows import FlowStep
from workspaces.jobs.scope import PLAN_ARGUMENTS, Asked, changes_what_is_planned
from workspaces.pods import EphemeralSyntaxErrors, pod_settings
from workspaces.variables.in_force import Inputs, workspace_inputs


def check_asked(asked: Asked) -> None:
    """Refuse a new job that Terrakube's image does not support. Raises InvalidInput."""
    objection = objection_to(asked)
    if objection:
        fields = [name for name, given in (("targetAddrs", asked.addresses), ("refresh", True)) if given]
        raise InvalidInput(objection, fields={fields[0]: objection})


def objection_to(asked: Asked) -> str:
    """Return why Terrakube's image does not support a job; "" if it does, or if it is not used."""
    if asked.asks_nothing or not installation().is_terrakube_image:
        return ""
    inputs = [(step, workspace_inputs(asked.workspace, step=step)) for step in asked.flow]
    in_pods = [(step, given) for step, given in inputs if _runs_in_a_pod(given)]
    if _changes_without_a_plan(in_pods):
        return _(
            "Terrakube's executor image supports targets, replacements and refresh only if a plan comes before the "
            "apply: choose a template that plans before it applies."
        )
    own = (given.environment.get(PLAN_ARGUMENTS) for step, given in in_pods if step.type in PLAN_TYPES)
    if asked.addresses and any(value is not None and changes_what_is_planned(value.text) for value in own):
        return _(
            "TF_CLI_ARGS_plan of the workspace also contains addresses, and Terrakube's executor image would plan "
            "them as well: remove them from the variable."
        )
    return ""


def _runs_in_a_pod(inputs: Inputs) -> bool:
    try:
        return pod_settings(inputs.texts(Category.ENV), inputs.hidden).enabled
    except EphemeralSyntaxErrors:
        # Its launch reports the error.
        return True


def _changes_without_a_plan(steps: Iterable[tuple[FlowStep, Inputs]]) -> bool:
    planned = False
    for step, _inputs in steps:
        planned = planned or step.type in PLAN_TYPES
        if step.type == StepType.DESTROY or (step.type == StepType.APPLY and not planned):
            return True
    return False
