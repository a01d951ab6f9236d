"""The pod settings of workspaces: their own, those they inherit, and where they run; few queries for a whole list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_noop as _

from terrakube_site.database.built_once import BuiltOnce
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

    @cached_property
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
    """Return the pod settings of each workspace; five queries. Workspaces with the same ones share them."""
    own, inherited = _own_variables(workspaces), _inherited_variables(workspaces)
    policies = policies_of({row.organization_id for row in workspaces})
    found: dict[UUID, Settings] = {}
    without_own: dict[int, Settings] = {}
    for row in workspaces:
        # Most set none themselves, and what they inherit is one mapping, which the policy is asked about once.
        shared = None if row.pk in own else without_own.get(id(inherited[row.pk]))
        if shared is None:
            shared = Settings(
                own=own.get(row.pk, {}), inherited=inherited[row.pk], policy=policies[row.organization_id]
            )
            if row.pk not in own:
                without_own[id(inherited[row.pk])] = shared
        found[row.pk] = shared
    return found


def pod_variables(workspaces: Sequence[Workspace]) -> dict[UUID, dict[str, Value]]:
    """Return each workspace's pod settings in force without what policies add; four queries."""
    own = _own_variables(workspaces)
    return {key: {**values, **own.get(key, {})} for key, values in _inherited_variables(workspaces).items()}


_OWN = BuiltOnce(lambda keys: Variable.objects.filter(**KEYED, workspace__in=keys))
_SHARED = BuiltOnce(lambda keys: GlobalVariable.objects.filter(**KEYED, organization__in=keys))
_USES = BuiltOnce(
    lambda keys: Reference.objects.filter(workspace__in=keys).values_list("workspace_id", "collection_id")
)
_ITEMS = BuiltOnce(
    lambda keys: (
        Item.objects.filter(**KEYED, collection__organization__in=keys)
        .select_related("collection")
        .order_by("-collection__priority", "collection__name", "key")
    )
)


def _own_variables(workspaces: Sequence[Workspace]) -> dict[UUID, dict[str, Value]]:
    """Return the pod settings of each workspace that sets some itself; one query."""
    keys, found = {workspace.pk for workspace in workspaces}, defaultdict[UUID, dict[str, Value]](dict)
    if len(keys) <= _NAMED:
        rows: Iterable[Variable] = _OWN.rows(tuple(keys))
    else:
        rows = Variable.objects.filter(**KEYED, **_whole_organizations(workspaces))
    for variable in rows:
        if variable.workspace_id in keys:
            found[variable.workspace_id][variable.key] = _value(variable, WORKSPACE)
    return dict(found)


def _inherited_variables(workspaces: Sequence[Workspace]) -> dict[UUID, dict[str, Value]]:
    """Return the pod settings of each workspace's organization and collections; three queries.

    Workspaces of one organization that use the same collections share one dictionary.
    """
    organizations = tuple({workspace.organization_id for workspace in workspaces})
    shared: dict[UUID, dict[str, Value]] = {key: {} for key in organizations}
    for variable in _SHARED.rows(organizations):
        shared[variable.organization_id][variable.key] = _value(variable, ORGANIZATION)
    used = _collections_used(workspaces)
    items = [
        (item.collection_id, item.key, _value(item, message(_("collection {name}"), name=item.collection.name)))
        for item in (_ITEMS.rows(organizations) if used else ())
    ]
    made: dict[tuple[UUID, frozenset[UUID]], dict[str, Value]] = {}
    found: dict[UUID, dict[str, Value]] = {}
    for workspace in workspaces:
        collections = frozenset(used.get(workspace.pk, ()))
        kind = (workspace.organization_id, collections)
        if kind not in made:
            made[kind] = values = dict(shared[workspace.organization_id])
            for collection, key, value in items:
                if collection in collections:
                    values.setdefault(key, value)
        found[workspace.pk] = made[kind]
    return found


def _collections_used(workspaces: Sequence[Workspace]) -> Mapping[UUID, set[UUID]]:
    """Return the collections of each workspace that uses some; one query."""
    keys, found = tuple(workspace.pk for workspace in workspaces), defaultdict[UUID, set[UUID]](set)
    if len(keys) <= _NAMED:
        rows: Iterable[tuple[UUID, UUID]] = _USES.rows(keys)
    else:
        uses = Reference.objects.filter(**_whole_organizations(workspaces))
        rows = uses.values_list("workspace_id", "collection_id")
    for workspace_id, collection_id in rows:
        found[workspace_id].add(collection_id)
    return found


def _whole_organizations(workspaces: Sequence[Workspace]) -> dict[str, Any]:
    return {"workspace__organization__in": list({workspace.organization_id for workspace in workspaces})}


def _value(row: AbstractVariable, origin: str) -> Value:
    return Value(text=row.text_if_readable, sensitive=row.sensitive, origin=origin)
