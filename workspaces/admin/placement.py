"""Where the steps of many workspaces run and with which settings, found with a few queries for a whole list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import F

from workspaces.choices import Category
from workspaces.ephemeral import SETTINGS, is_enabled
from workspaces.ephemeral.variables import ENABLE
from workspaces.models import GlobalVariable, Item, Variable, Workspace
from workspaces.models.variable import AbstractVariable
from workspaces.policies import policies_of
from workspaces.variables import INSTALLATION, ORGANIZATION, WORKSPACE, Inputs, Value, under_policy


@dataclass(frozen=True, slots=True)
class Placement:
    """Whether a workspace's steps get pods of their own, and what says so."""

    ephemeral: bool = False
    origin: str = INSTALLATION


def settings_of(workspaces: Sequence[Workspace]) -> dict[UUID, Mapping[str, Value]]:
    """The executor's settings in force for each, as ``workspaces.variables`` has them for one; four queries."""
    ids = [row.pk for row in workspaces]
    keyed = {"key__in": SETTINGS.keys(), "category": Category.ENV}
    found: dict[UUID, dict[str, Value]] = {row.pk: {} for row in workspaces}
    items = Item.objects.filter(**keyed, collection__references__workspace__in=ids).annotate(
        used_by=F("collection__references__workspace_id")
    )
    for item in items.select_related("collection").order_by("collection__priority", "-collection__name"):
        if item.used_by in found:
            found[item.used_by][item.key] = _value(item, f"collection {item.collection.name}")
    shared: dict[UUID, dict[str, Value]] = defaultdict(dict)
    for row in GlobalVariable.objects.filter(**keyed, organization__in={row.organization_id for row in workspaces}):
        shared[row.organization_id][row.key] = _value(row, ORGANIZATION)
    for workspace in workspaces:
        found[workspace.pk].update(shared[workspace.organization_id])
    for variable in Variable.objects.filter(**keyed, workspace__in=ids):
        found[variable.workspace_id][variable.key] = _value(variable, WORKSPACE)
    policies = policies_of({row.organization_id for row in workspaces})
    return {
        row.pk: under_policy(Inputs(environment=found[row.pk]), policies[row.organization_id]).environment
        for row in workspaces
    }


def _value(row: AbstractVariable, origin: str) -> Value:
    return Value(text=row.value, sensitive=row.sensitive, origin=origin)


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
