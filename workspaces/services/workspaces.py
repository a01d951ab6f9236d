"""Create, change and delete workspaces, and set their variables."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces.actors import Actor
from workspaces.errors import WrongState
from workspaces.models import Job, Organization, StateUpload, Variable, Webhook, Workspace
from workspaces.services.locks import owner_columns
from workspaces.services.projects import require_move
from workspaces.services.records import create_record, require_right, update_record
from workspaces.services.remote_state import checked_shared_ids, forget_consumer
from workspaces.services.state import current_state
from workspaces.services.state_content import managed_resources
from workspaces.services.webhooks import synchronize_hooks
from workspaces.task_queue.client import enqueue

_OF_HOOKS = frozenset({"source", "vcs", "deleted"})
"""Columns of a workspace that decide which webhooks there are at the provider."""


def create_workspace(organization: Organization, *, by: Actor, name: str, **attributes: object) -> Workspace:
    """Create a workspace. Raises InvalidInput, Duplicate and NotAllowed."""
    attributes.setdefault("execution_mode", organization.execution_mode)
    attributes = _with_consumers(organization, attributes)
    return create_record(Workspace(organization=organization, name=name, **attributes), by=by)


def update_workspace(workspace: Workspace, changes: Mapping[str, Any], *, by: Actor) -> Workspace:
    """Change a workspace and wake its waiting jobs. Raises InvalidInput, Duplicate and NotAllowed."""
    with transaction.atomic():
        if _changes_whether_deleted(workspace, changes):
            require_right(workspace, by=by, verb="delete")
        if "project" in changes:
            require_move(workspace, changes["project"], by=by)
        before = None
        if not changes.keys().isdisjoint(_OF_HOOKS) and Webhook.objects.filter(workspace=workspace).exists():
            before = Workspace.objects.get(pk=workspace.pk)
        locked, deletes = _locks_or_unlocks(workspace, changes), bool(changes.get("deleted"))
        owner = {} if locked is None else owner_columns(by, locked=locked)
        fitting = fitting_name(changes, 64) if deletes else changes
        update_record(workspace, {**_with_consumers(workspace.organization, fitting), **owner}, by=by)
        if locked is False:
            StateUpload.objects.filter(workspace=workspace).pending().update(discarded=True, json=None)
        if deletes:
            forget_consumer(workspace)
        if before is not None:
            synchronize_hooks(before, workspace)
        if not changes.keys().isdisjoint({"locked", "deleted"}):
            enqueue("executors.tasks.advance_workspace", str(workspace.pk))
    return workspace


def _with_consumers(organization: Organization, changes: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(changes)
    if found.get("shared_ids"):
        found["shared_ids"] = checked_shared_ids(organization, found["shared_ids"])
    return found


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


def restore_workspace(workspace: Workspace, *, by: Actor, name: str = "") -> Workspace:
    """Bring a deleted workspace back with its variables, jobs and states, under ``name`` or the name that it had.

    Raises NotAllowed, WrongState for a workspace that is not deleted or whose organization is disabled, Duplicate when
    the name is taken, and InvalidInput.
    """
    require_right(workspace, by=by, verb="delete")
    if not workspace.deleted:
        raise WrongState(message(_("{name} is not deleted."), name=workspace.name))
    if workspace.organization.disabled:
        raise WrongState(_("The organization is disabled. Enable it before you restore one of its workspaces."))
    return update_workspace(workspace, {"deleted": False, "name": name or workspace.name_before_deletion}, by=by)


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


def safely_delete_workspace(workspace: Workspace, *, by: Actor) -> Workspace:
    """Delete a workspace whose state manages no resource. Raises NotAllowed.

    Raises WrongState while it is locked, while a job of it is open, and while its state has resources or cannot be
    read.
    """
    require_right(workspace, by=by, verb="delete")
    # The clients tell the cases apart by words of the texts, so no name of a workspace is in them.
    if workspace.locked:
        raise WrongState(_("The workspace is locked. Unlock it before you delete it."))
    if Job.objects.filter(workspace=workspace).open_on_workspace().exists():
        raise WrongState(_("The workspace is being processed by a job. Delete it when the job has ended."))
    state = current_state(workspace)
    managed = 0 if state is None else managed_resources(state.content)
    if managed is None:
        raise WrongState(_("The state of the workspace cannot be read, so it may have resources under management."))
    if managed:
        sentence = _("The workspace has {number} resources under management. Destroy them before you delete it.")
        raise WrongState(message(sentence, number=managed))
    return delete_workspace(workspace, by=by)


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
