"""What a launch keeps in a step."""

from __future__ import annotations

from dataclasses import replace

from workspaces import flows
from workspaces.models import Step


def needs_commands(step: Step) -> bool:
    """Whether a step's commands are still to be imported from their repository."""
    return step.flow.get("importCommands") is not None and not step.flow.get("commandsImported")


def keep_commands(step: Step, commands: tuple[flows.Command, ...]) -> None:
    """Keep the imported commands as the step's own, so that every try to run it runs the same."""
    flow = replace(flows.from_json(step.flow), commands=commands)
    step.flow = flows.to_json(flow) | {"commandsImported": True}
    step.save(update_fields=["flow"])
