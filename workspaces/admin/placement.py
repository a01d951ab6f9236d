"""Where the steps of many workspaces run and with which settings, found with a few queries for a whole list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from workspaces.differences import Difference, differences
from workspaces.ephemeral import is_enabled
from workspaces.ephemeral.policy import Policy
from workspaces.ephemeral.variables import ENABLE
from workspaces.models import Workspace
from workspaces.models.policy import policies_of
from workspaces.pod_variables import inherited_variables, own_variables
from workspaces.variables import INSTALLATION, Inputs, Value, under_policy


@dataclass(frozen=True, slots=True)
class Placement:
    """Whether a workspace's steps get pods of their own, and what says so."""

    ephemeral: bool = False
    origin: str = INSTALLATION


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The executor's settings of one workspace: those in force, as ``workspaces.variables`` has them, and inherited."""

    in_force: Mapping[str, Value]
    inherited: Mapping[str, Value]
    policy: Policy

    @property
    def placement(self) -> Placement:
        forced = self.policy.forced(ENABLE)
        if forced is not None and forced.locked:
            return Placement(is_enabled(forced.text), forced.rule.level.value)
        said = self.in_force.get(ENABLE)
        return Placement() if said is None else Placement(is_enabled(said.text), said.origin)

    def own(self, defaults: Mapping[str, str]) -> list[Difference]:
        """What the workspace sets otherwise than it would inherit."""
        return list(differences(self.in_force, self.inherited, self.policy, defaults))


def settings_of(workspaces: Sequence[Workspace]) -> dict[UUID, Settings]:
    """The executor's settings of each; five queries."""
    policies = policies_of({row.organization_id for row in workspaces})
    own, inherited = own_variables(workspaces), inherited_variables(workspaces)
    found = {}
    for row in workspaces:
        policy = policies[row.organization_id]
        inputs = under_policy(Inputs(environment={**inherited[row.pk], **own[row.pk]}), policy)
        found[row.pk] = Settings(in_force=inputs.environment, inherited=inherited[row.pk], policy=policy)
    return found
