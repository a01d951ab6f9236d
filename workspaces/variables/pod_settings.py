"""Where the steps of many workspaces run and with which settings, with few queries for a whole list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from workspaces.models import Workspace
from workspaces.models.policy import policies_of
from workspaces.pods import is_enabled
from workspaces.pods.catalogue import ENABLE
from workspaces.pods.policy.rules import Policy
from workspaces.variables.in_force import INSTALLATION, Inputs, Value, apply_policy
from workspaces.variables.of_many import inherited_variables, own_variables
from workspaces.variables.overrides import OverriddenSetting, overridden_settings


@dataclass(frozen=True, slots=True)
class Placement:
    """Whether a workspace's steps run in pods, and where that is set."""

    ephemeral: bool = False
    origin: str = INSTALLATION


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The executor's settings of one workspace: those in force, and those it inherits."""

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

    def own(self, defaults: Mapping[str, str]) -> list[OverriddenSetting]:
        """Return the settings in which the workspace differs from what it would inherit."""
        return list(overridden_settings(self.in_force, self.inherited, self.policy, defaults))


def settings_of(workspaces: Sequence[Workspace]) -> dict[UUID, Settings]:
    """Return the executor's settings of each workspace; five queries."""
    policies = policies_of({row.organization_id for row in workspaces})
    own, inherited = own_variables(workspaces), inherited_variables(workspaces)
    found = {}
    for row in workspaces:
        policy = policies[row.organization_id]
        inputs = apply_policy(Inputs(environment={**inherited[row.pk], **own[row.pk]}), policy)
        found[row.pk] = Settings(in_force=inputs.environment, inherited=inherited[row.pk], policy=policy)
    return found
