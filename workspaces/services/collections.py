"""Decide which workspaces use a collection."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from workspaces.actors import Actor
from workspaces.models import Collection, Reference, Workspace
from workspaces.services.records import create_record, delete_record, require_right


@transaction.atomic
def add_workspaces(collection: Collection, workspaces: Iterable[Workspace], *, by: Actor) -> None:
    """Let workspaces use a collection; those that do already stay. Raises NotAllowed and InvalidInput."""
    require_right(collection, by=by, verb="change")
    using = set(collection.references.values_list("workspace_id", flat=True))
    for workspace in workspaces:
        if workspace.pk not in using:
            create_record(Reference(collection=collection, workspace=workspace), by=by)
            using.add(workspace.pk)


@transaction.atomic
def remove_workspaces(collection: Collection, workspaces: Iterable[Workspace], *, by: Actor) -> None:
    """Let workspaces use a collection no more; others are not touched. Raises NotAllowed."""
    require_right(collection, by=by, verb="change")
    keys = [workspace.pk for workspace in workspaces]
    for reference in collection.references.filter(workspace__in=keys).select_related("collection", "workspace"):
        delete_record(reference, by=by)


@transaction.atomic
def replace_workspaces(collection: Collection, workspaces: Iterable[Workspace], *, by: Actor) -> None:
    """Let exactly these workspaces use a collection. Raises NotAllowed and InvalidInput."""
    wanted = list(workspaces)
    others = Workspace.objects.filter(references__collection=collection).exclude(pk__in=[one.pk for one in wanted])
    remove_workspaces(collection, others, by=by)
    add_workspaces(collection, wanted, by=by)
