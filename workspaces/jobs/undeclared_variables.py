"""Record which Terraform variables of a step its configuration does not declare, as its executor reports.

An undeclared variable of the workspace or the job itself is a mistake: a mistyped name, or one removed from the code.
Inherited variables serve many workspaces, most of which declare only some.
"""

from __future__ import annotations

from collections.abc import Iterable

from workspaces import flows
from workspaces.models import Step
from workspaces.variables.in_force import JOB, WORKSPACE, step_inputs

OWN = "workspace"
INHERITED = "inherited"


def note_undeclared(step: Step, names: Iterable[str]) -> None:
    """Store the reported names with a step, except names that it did not get."""
    values = step_inputs(step.job, flows.from_json(step.flow)).terraform
    found: dict[str, list[str]] = {OWN: [], INHERITED: []}
    for name in sorted(set(names) & values.keys()):
        found[OWN if values[name].origin in {WORKSPACE, JOB} else INHERITED].append(name)
    Step.objects.filter(pk=step.pk).update(undeclared_variables={key: rows for key, rows in found.items() if rows})


def undeclared_own(step: Step) -> list[str]:
    """Return the workspace's own variables that the step's configuration does not declare."""
    return list(step.undeclared_variables.get(OWN, ()))


def undeclared_inherited(step: Step) -> list[str]:
    """Return the undeclared variables of the organization and of collections."""
    return list(step.undeclared_variables.get(INHERITED, ()))
