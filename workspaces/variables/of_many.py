"""Look up the variables that shape the pods of many workspaces, with few queries for all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces.choices import Category
from workspaces.models import GlobalVariable, Item, Reference, Variable, Workspace
from workspaces.models.variable import AbstractVariable
from workspaces.pods import ALL_SETTINGS
from workspaces.variables.in_force import ORGANIZATION, WORKSPACE, Value

_NAMED = 1000
"""Up to so many workspaces are named in a query; beyond, their whole organizations are read."""
KEYED: dict[str, Any] = {"key__in": ALL_SETTINGS.keys(), "category": Category.ENV}
"""The filter of variables that are pod settings."""


def pod_variables(workspaces: Sequence[Workspace]) -> dict[UUID, dict[str, Value]]:
    """Return each workspace's executor variables in force, as ``workspaces.variables.in_force``; four queries.

    The policies' additions are not included.
    """
    inherited = inherited_variables(workspaces)
    return {key: {**inherited[key], **own} for key, own in own_variables(workspaces).items()}


def own_variables(workspaces: Sequence[Workspace]) -> dict[UUID, dict[str, Value]]:
    """Return the executor's variables that each workspace sets itself; one query."""
    found: dict[UUID, dict[str, Value]] = {workspace.pk: {} for workspace in workspaces}
    for variable in Variable.objects.filter(**KEYED, **_for_workspaces(workspaces)):
        if variable.workspace_id in found:
            found[variable.workspace_id][variable.key] = _value(variable, WORKSPACE)
    return found


def inherited_variables(workspaces: Sequence[Workspace]) -> dict[UUID, dict[str, Value]]:
    """Return the executor's variables of each workspace's organization and collections; three queries."""
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
    return Value(text=row.value, sensitive=row.sensitive, origin=origin)
