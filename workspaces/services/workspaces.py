"""What a user does with workspaces and their variables."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_noop as _

from workspaces.access import Actor, name_of
from workspaces.errors import WrongState
from workspaces.models import Organization, Variable, Workspace
from workspaces.permissions import require
from workspaces.queueing import enqueue
from workspaces.services.records import create_record, update_record
from workspaces.services.saving import save_valid


def create_workspace(organization: Organization, *, by: Actor, name: str, **attributes: object) -> Workspace:
    """Make a workspace. Raises InvalidInput, Duplicate and NotAllowed."""
    attributes.setdefault("execution_mode", organization.execution_mode)
    return create_record(Workspace(organization=organization, name=name, **attributes), by=by)


def update_workspace(workspace: Workspace, changes: Mapping[str, Any], *, by: Actor) -> Workspace:
    """Change a workspace; its waiting jobs take notice. Raises InvalidInput, Duplicate and NotAllowed."""
    with transaction.atomic():
        update_record(workspace, changes, by=by)
        if not changes.keys().isdisjoint({"locked", "deleted"}):
            enqueue("executors.tasks.advance_workspace", str(workspace.pk))
    return workspace


def delete_workspace(workspace: Workspace, *, by: Actor) -> Workspace:
    """Hide a workspace and free its name; its jobs and states stay for the record. Raises NotAllowed."""
    return update_workspace(workspace, {"deleted": True, "name": freed_name(workspace.name, 64)}, by=by)


def freed_name(name: str, longest: int) -> str:
    """The name under which something deleted is kept, as Terrakube's clients choose it; at most ``longest`` long."""
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
    """Make or change a workspace's variable.

    Raises InvalidInput (an EPHEMERAL_* key's with its grammar) and NotAllowed.
    """
    require(by, workspace.organization, "manage_workspace", to=_("change a variable"), workspace=workspace)
    variable = workspace.variables.filter(key=key).first() or Variable(workspace=workspace, key=key)
    variable.value, variable.category, variable.sensitive, variable.hcl = value, category, sensitive, hcl
    variable.description = description
    return save_valid(variable)


def lock_workspace(workspace: Workspace, *, by: Actor, reason: str = "") -> Workspace:
    """Make the workspace's jobs wait. Raises NotAllowed, and WrongState when it is locked already."""
    require(by, workspace.organization, "manage_workspace", to=_("lock a workspace"), workspace=workspace)
    changed = Workspace.objects.filter(pk=workspace.pk, locked=False).update(
        locked=True, lock_description=reason or _("Locked by {person}").format(person=name_of(by))
    )
    if not changed:
        why = workspace.lock_description or _("no reason was given")
        raise WrongState(_("{name} is locked already: {why}").format(name=workspace.name, why=why))
    workspace.refresh_from_db()
    return workspace


def unlock_workspace(workspace: Workspace, *, by: Actor) -> Workspace:
    """Let the workspace's jobs go on. Raises NotAllowed, and WrongState when it isn't locked."""
    require(by, workspace.organization, "manage_workspace", to=_("unlock a workspace"), workspace=workspace)
    with transaction.atomic():
        if not Workspace.objects.filter(pk=workspace.pk, locked=True).update(locked=False, lock_description=None):
            raise WrongState(_("{name} is not locked.").format(name=workspace.name))
        enqueue("executors.tasks.advance_workspace", str(workspace.pk))
    workspace.refresh_from_db()
    return workspace
