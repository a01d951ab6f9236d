"""Create, change and delete workspaces, and set their variables."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from workspaces.actors import Actor
from workspaces.models import Organization, StateUpload, Variable, Workspace
from workspaces.services.locks import owner_columns
from workspaces.services.projects import require_move
from workspaces.services.records import create_record, require_right, update_record
from workspaces.task_queue.client import enqueue


def create_workspace(organization: Organization, *, by: Actor, name: str, **attributes: object) -> Workspace:
    """Create a workspace. Raises InvalidInput, Duplicate and NotAllowed."""
    attributes.setdefault("execution_mode", organization.execution_mode)
    return create_record(Workspace(organization=organization, name=name, **attributes), by=by)


def update_workspace(workspace: Workspace, changes: Mapping[str, Any], *, by: Actor) -> Workspace:
    """Change a workspace and wake its waiting jobs. Raises InvalidInput, Duplicate and NotAllowed."""
    with transaction.atomic():
        if _changes_whether_deleted(workspace, changes):
            require_right(workspace, by=by, verb="delete")
        if "project" in changes:
            require_move(workspace, changes["project"], by=by)
        locked = _locks_or_unlocks(workspace, changes)
        owner = {} if locked is None else owner_columns(by, locked=locked)
        written = fitting_name(changes, 64) if changes.get("deleted") else changes
        update_record(workspace, {**written, **owner}, by=by)
        if locked is False:
            StateUpload.objects.filter(workspace=workspace).pending().update(discarded=True)
        if not changes.keys().isdisjoint({"locked", "deleted"}):
            enqueue("executors.tasks.advance_workspace", str(workspace.pk))
    return workspace


def _changes_whether_deleted(workspace: Workspace, changes: Mapping[str, Any]) -> bool:
    # The record may already hold the new value, as a form leaves it.
    wanted = changes.get("deleted")
    return wanted is not None and Workspace.objects.filter(pk=workspace.pk).exclude(deleted=wanted).exists()


def _locks_or_unlocks(workspace: Workspace, changes: Mapping[str, Any]) -> bool | None:
    """Return True if a change locks the workspace, False if it unlocks it, None if it does neither."""
    wanted = changes.get("locked")
    changed = wanted is not None and Workspace.objects.filter(pk=workspace.pk).exclude(locked=wanted).exists()
    return bool(wanted) if changed else None


def delete_workspace(workspace: Workspace, *, by: Actor) -> Workspace:
    """Hide a workspace and free its name; its jobs and states are kept. Raises NotAllowed."""
    return update_workspace(workspace, {"deleted": True, "name": freed_name(workspace.name, 64)}, by=by)


def fitting_name(changes: Mapping[str, Any], longest: int) -> Mapping[str, Any]:
    """Return the changes that delete a record, with the name that the client gave it shortened to fit.

    Terrakube's provider appends an ending to a name of any length, and reports an organization as deleted even if it
    was not.
    """
    name, separator, ending = str(changes.get("name") or "").rpartition("_DEL_")
    room = longest - len(separator) - len(ending)
    if not separator or not 0 < room < len(name):
        return changes
    return {**changes, "name": name[:room] + separator + ending}


def freed_name(name: str, longest: int) -> str:
    """Return the name of a deleted record, as Terrakube's clients choose it; at most ``longest`` characters."""
    ending = f"_DEL_{secrets.token_hex(2)}"
    return name[: longest - len(ending)] + ending


def set_variable(
    workspace: Workspace,
    *,
    by: Actor,
    key: str,
    value: str,
    category: str,
    sensitive: bool = False,
    hcl: bool = False,
    description: str | None = None,
) -> Variable:
    """Create or change a workspace's variable.

    Raises InvalidInput (for an EPHEMERAL_* key with its format) and NotAllowed.
    """
    values = {"value": value, "category": category, "sensitive": sensitive, "hcl": hcl, "description": description}
    stored: Variable | None = workspace.variables.filter(key=key).first()
    if stored is None:
        return create_record(Variable(workspace=workspace, key=key, **values), by=by)
    return update_record(stored, values, by=by)
