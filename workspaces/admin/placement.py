"""Where the steps of many workspaces run and with which settings, found with a few queries for a whole list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from workspaces.ephemeral import is_enabled
from workspaces.ephemeral.variables import ENABLE
from workspaces.models import Workspace
from workspaces.models.policy import policies_of
from workspaces.pod_variables import pod_variables
from workspaces.variables import INSTALLATION, Inputs, Value, under_policy


@dataclass(frozen=True, slots=True)
class Placement:
    """Whether a workspace's steps get pods of their own, and what says so."""

    ephemeral: bool = False
    origin: str = INSTALLATION


def settings_of(workspaces: Sequence[Workspace]) -> dict[UUID, Mapping[str, Value]]:
    """The executor's settings in force for each, as ``workspaces.variables`` has them for one; five queries."""
    policies = policies_of({row.organization_id for row in workspaces})
    found = pod_variables(workspaces)
    return {
        row.pk: under_policy(Inputs(environment=found[row.pk]), policies[row.organization_id]).environment
        for row in workspaces
    }


def placements(workspaces: Sequence[Workspace], settings: Mapping[UUID, Mapping[str, Value]]) -> dict[UUID, Placement]:
    """The placement of each workspace whose settings are known; one query."""
    policies = policies_of({row.organization_id for row in workspaces})
    found = {}
    for row in workspaces:
        said = settings[row.pk].get(ENABLE)
        place = Placement() if said is None else Placement(is_enabled(said.text), said.origin)
        forced = policies[row.organization_id].forced(ENABLE)
        if forced is not None and forced.locked:
            place = Placement(is_enabled(forced.text), forced.rule.level.value)
        found[row.pk] = place
    return found
