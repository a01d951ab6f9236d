"""The pod settings of workspaces: their own, those they inherit, and where they run; few queries for a whole list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces.choices import Category
from workspaces.models import GlobalVariable, Item, Reference, Variable, Workspace
from workspaces.models.policy import policies_of
from workspaces.models.variable import AbstractVariable
from workspaces.pods import ALL_SETTINGS, is_enabled
from workspaces.pods.catalogue import ENABLE
from workspaces.pods.policy.rules import Policy, Refusal
from workspaces.variables.in_force import (
    INSTALLATION,
    ORGANIZATION,
    WORKSPACE,
    Inputs,
    Value,
    apply_policy,
    with_additions,
)
from workspaces.variables.overrides import OverriddenSetting, overridden_settings

KEYED: dict[str, Any] = {"key__in": ALL_SETTINGS.keys(), "category": Category.ENV}
"""The filter of variables that are pod settings."""
_NAMED = 1000
"""Up to so many workspaces are named in a query; beyond, their whole organizations are read."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Whether a workspace's steps run in pods, and where that is set."""

    ephemeral: bool = False
    origin: str = INSTALLATION


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The pod settings of one workspace: its own, those it inherits, and the policy they are under."""

    own: Mapping[str, Value]
    inherited: Mapping[str, Value] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)

    @cached_property
    def in_force(self) -> Mapping[str, Value]:
        """The settings that count, with what the policy adds."""
        return with_additions({**self.inherited, **self.own}, self.policy)

    @cached_property
    def refusals(self) -> Sequence[Refusal]:
        """What the policy refuses, so that no step is launched."""
        return apply_policy(Inputs(environment={**self.inherited, **self.own}), self.policy).refusals

    @property
    def placement(self) -> Placement:
        forced = self.policy.forced(ENABLE)
        if forced is not None and forced.locked:
            return Placement(is_enabled(forced.text), forced.rule.level.value)
        said = self.in_force.get(ENABLE)
        return Placement() if said is None else Placement(is_enabled(said.text), said.origin)

    def overridden(self, defaults: Mapping[str, str]) -> list[OverriddenSetting]:
        """Return the settings in which the workspace differs from what it would inherit."""
        return list(overridden_settings(self.in_force, self.inherited, self.policy, defaults))


def settings_of(workspaces: Sequence[Workspace]) -> dict[UUID, Settings]:
    """Return the pod settings of each workspace; five queries."""
    own, inherited = _own_variables(workspaces), _inherited_variables(workspaces)
    policies = policies_of({row.organization_id for row in workspaces})
    return {
        row.pk: Settings(own=own[row.pk], inherited=inherited[row.pk], policy=policies[row.organization_id])
        for row in workspaces
    }


def pod_variables(workspaces: Sequence[Workspace]) -> dict[UUID, dict[str, Value]]:
    """Return each workspace's pod settings in force without what policies add; four queries."""
    inherited = _inherited_variables(workspaces)
    return {key: {**inherited[key], **own} for key, own in _own_variables(workspaces).items()}


def _own_variables(workspaces: Sequence[Workspace]) -> dict[UUID, dict[str, Value]]:
    """Return the pod settings that each workspace sets itself; one query."""
    found: dict[UUID, dict[str, Value]] = {workspace.pk: {} for workspace in workspaces}
    for variable in Variable.objects.filter(**KEYED, **_for_workspaces(workspaces)):
        if variable.workspace_id in found:
            found[variable.workspace_id][variable.key] = _value(variable, WORKSPACE)
    return found


def _inherited_variables(workspaces: Sequence[Workspace]) -> dict[UUID, dict[str, Value]]:
    """Return the pod settings of each workspace's organization and collections; three queries."""
    found: dict[UUID, dict[str, Value]] = {workspace.pk: {} for workspace in workspaces}
    members: dict[UUID, list[UUID]] = defaultdict(list)
    for workspace in workspaces:
        members[workspace.organization_id].append(workspace.pk)
    for shared in GlobalVariable.objects.filter(**KEYED, organization__in=members):
        value = _value(shared, ORGANIZATION)
        for key in members[shared.organization_id]:
            found[key].setdefault(shared.key, value)
    users: dict[UUID, list[UUID]] = defaultdict(list)
    references = Reference.objects.filter(**_for_workspaces(workspaces))
    for collection_id, workspace_id in references.values_list("collection_id", "workspace_id"):
        if workspace_id in found:
            users[collection_id].append(workspace_id)
    items = Item.objects.filter(**KEYED, collection__organization__in=members).select_related("collection")
    for item in items.order_by("-collection__priority", "collection__name", "key"):
        value = _value(item, message(_("collection {name}"), name=item.collection.name))
        for key in users[item.collection_id]:
            found[key].setdefault(item.key, value)
    return found


def _for_workspaces(workspaces: Sequence[Workspace]) -> dict[str, Any]:
    if len(workspaces) <= _NAMED:
        return {"workspace__in": [workspace.pk for workspace in workspaces]}
    return {"workspace__organization__in": list({workspace.organization_id for workspace in workspaces})}


def _value(row: AbstractVariable, origin: str) -> Value:
    return Value(text=row.text_if_readable, sensitive=row.sensitive, origin=origin)
