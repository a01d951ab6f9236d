"""The variables that shape the pods of many workspaces, found with a few queries for all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from django.utils.translation import gettext_noop as _

from workspaces.choices import Category
from workspaces.ephemeral import SETTINGS
from workspaces.models import GlobalVariable, Item, Reference, Variable, Workspace
from workspaces.models.variable import AbstractVariable
from workspaces.variables import ORGANIZATION, WORKSPACE, Value

_NAMED = 1000
"""Up to so many workspaces are named in a query; beyond, their whole organizations are read."""


def pod_variables(workspaces: Sequence[Workspace], *, own: bool = True) -> dict[UUID, dict[str, Value]]:
    """The executor's variables of each workspace, by the order of ``workspaces.variables``; four queries.

    Without ``own`` they are what each inherits. The policies have added nothing yet.
    """
    found: dict[UUID, dict[str, Value]] = {workspace.pk: {} for workspace in workspaces}
    members: dict[UUID, list[UUID]] = defaultdict(list)
    for workspace in workspaces:
        members[workspace.organization_id].append(workspace.pk)
    which = {"workspace__in": list(found)} if len(found) <= _NAMED else {"workspace__organization__in": list(members)}
    keyed = {"key__in": SETTINGS.keys(), "category": Category.ENV}
    if own:
        for variable in Variable.objects.filter(**keyed, **which):
            if variable.workspace_id in found:
                found[variable.workspace_id][variable.key] = _value(variable, WORKSPACE)
    for shared in GlobalVariable.objects.filter(**keyed, organization__in=members):
        value = _value(shared, ORGANIZATION)
        for key in members[shared.organization_id]:
            found[key].setdefault(shared.key, value)
    users: dict[UUID, list[UUID]] = defaultdict(list)
    for collection_id, workspace_id in Reference.objects.filter(**which).values_list("collection_id", "workspace_id"):
        if workspace_id in found:
            users[collection_id].append(workspace_id)
    items = Item.objects.filter(**keyed, collection__organization__in=members).select_related("collection")
    for item in items.order_by("-collection__priority", "collection__name", "key"):
        value = _value(item, _("collection {name}").format(name=item.collection.name))
        for key in users[item.collection_id]:
            found[key].setdefault(item.key, value)
    return found


def _value(row: AbstractVariable, origin: str) -> Value:
    return Value(text=row.value, sensitive=row.sensitive, origin=origin)
