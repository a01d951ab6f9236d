"""Store in a step what its launch fetched."""

from __future__ import annotations

from dataclasses import replace

from workspaces import flows
from workspaces.models import Step


def needs_commands(step: Step) -> bool:
    """Return whether a step's commands still have to be imported from their repository."""
    return step.flow.get("importCommands") is not None and not step.flow.get("commandsImported")


def store_commands(step: Step, commands: tuple[flows.Command, ...]) -> None:
    """Store the imported commands in the step, so that every attempt runs the same ones."""
    flow = replace(flows.from_json(step.flow), commands=commands)
    step.flow = flows.to_json(flow) | {"commandsImported": True}
    step.save(update_fields=["flow"])
