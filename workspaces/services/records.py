"""Create, change and delete records that need only a right; check it and stamp the actor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models, transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces.actors import Actor, name_of
from workspaces.caller import told_to_history
from workspaces.errors import InvalidInput, WrongState
from workspaces.models import (
    Access,
    Agent,
    Collection,
    GlobalVariable,
    Item,
    Job,
    NotificationConfiguration,
    NotificationTrigger,
    Organization,
    PolicyRule,
    Project,
    ProjectAccess,
    RecoveredState,
    Reference,
    RunLimits,
    Schedule,
    Ssh,
    Tag,
    Team,
    Template,
    Variable,
    Vcs,
    Webhook,
    WebhookEvent,
    Workspace,
    WorkspaceTag,
)
from workspaces.models.base import Audited
from workspaces.models.variable import AbstractVariable
from workspaces.permissions import require_permission
from workspaces.services import connection_hosts
from workspaces.services.saving import save_valid
from workspaces.services.tokens import retire_team_tokens
from workspaces.variables.pod_settings_check import checked

RIGHTS: Mapping[type[models.Model], str] = {
    Organization: "manage_organization",
    Team: "manage_organization",
    GlobalVariable: "manage_organization",
    Agent: "manage_organization",
    PolicyRule: "manage_organization",
    Tag: "manage_workspace",
    Workspace: "manage_workspace",
    WorkspaceTag: "manage_workspace",
    Access: "manage_access",
    Project: "manage_access",
    ProjectAccess: "manage_access",
    Schedule: "manage_workspace",
    Variable: "manage_workspace",
    Webhook: "manage_workspace",
    WebhookEvent: "manage_workspace",
    NotificationConfiguration: "manage_workspace",
    NotificationTrigger: "manage_workspace",
    Template: "manage_template",
    Collection: "manage_collection",
    Item: "manage_collection",
    Reference: "manage_collection",
    RecoveredState: "manage_state",
    Vcs: "manage_vcs",
    Ssh: "manage_vcs",
    Job: "manage_job",
}
"""The right without which a record of a kind can't be made, changed or deleted."""


def right_on(record: models.Model, *, verb: str = "change") -> str:
    """Return the right needed to create, change or delete a record."""
    if isinstance(record, RunLimits):
        # Limits are part of the record that they limit.
        return RIGHTS[Workspace if record.workspace_id is not None else Organization]
    if isinstance(record, Workspace) and verb != "change":
        # Who manages the workspaces of a project also creates them there.
        return "manage_workspace" if verb == "create" and record.project_id is not None else "create_workspace"
    if isinstance(record, Project) and verb == "create":
        return "create_workspace"
    return RIGHTS[type(record)]


def organization_of(record: models.Model) -> Organization:
    """Return the organization of a record, through its workspace, project, collection, job, webhook or connection."""
    if isinstance(record, Organization):
        return record
    for name in ("organization", "workspace", "project", "collection", "job", "webhook", "vcs", "hook"):
        found = getattr(record, name, None)
        if isinstance(found, models.Model):
            return organization_of(found)
    raise TypeError(f"{type(record).__name__} belongs to no organization")


def workspace_of(record: models.Model) -> Workspace | None:
    """Return the workspace that a record is or belongs to; None for records of the whole organization."""
    if isinstance(record, Workspace):
        return record
    found = getattr(record.webhook if isinstance(record, WebhookEvent) else record, "workspace", None)
    # A reference needs the right on the collection, not on its workspace.
    return found if isinstance(found, Workspace) and not isinstance(record, Reference) else None


def project_of(record: models.Model) -> Project | None:
    """Return the project that a record is or describes; None for a workspace, which may be in one."""
    if isinstance(record, Project):
        return record
    return record.project if isinstance(record, ProjectAccess) else None


_ACTIONS = {"create": _("create a {record}"), "change": _("change a {record}"), "delete": _("delete a {record}")}


def require_right(record: models.Model, *, by: Actor, verb: str) -> None:
    """Raise NotAllowed unless the actor may change records of this type in its organization."""
    require_permission(
        by,
        organization_of(record),
        right_on(record, verb=verb),
        action=message(_ACTIONS[verb], record=record._meta.verbose_name_raw),
        workspace=workspace_of(record),
        project=project_of(record),
    )


def _check_one_organization(record: models.Model) -> None:
    """Refuse a reference to another organization's record. Raises InvalidInput."""
    organization = organization_of(record)
    for field in record._meta.concrete_fields:
        if not field.editable:
            # Columns that the site writes hold no reference that a user gave.
            continue
        related = getattr(record, field.name) if field.is_relation and getattr(record, field.attname) else None
        if isinstance(related, models.Model) and organization_of(related).pk != organization.pk:
            raise InvalidInput(
                message(_("The {record} belongs to another organization."), record=related._meta.verbose_name_raw),
                fields={field.name: "unknown"},
            )


@told_to_history
def create_record[M: models.Model](record: M, *, by: Actor) -> M:
    """Save a new record. Raises NotAllowed, InvalidInput, and Duplicate for a name or key that is taken."""
    require_right(record, by=by, verb="create")
    _check_one_organization(record)
    if isinstance(record, Workspace):
        connection_hosts.check_host(record, by=by)
    if isinstance(record, Template):
        connection_hosts.check_imports(record)
    if isinstance(record, Audited):
        record.created_by = record.updated_by = name_of(by)
    with checked(record):
        return save_valid(record)


def _require_new_value(variable: AbstractVariable, changes: Mapping[str, Any]) -> None:
    if "value" not in changes:
        raise InvalidInput(
            message(
                _("{key} is sensitive and its value is never shown again. Set a new value to make it not sensitive."),
                key=variable.key,
            ),
            fields={"sensitive": "needs a new value"},
        )


@told_to_history
def update_record[M: models.Model](record: M, changes: Mapping[str, Any], *, by: Actor) -> M:
    """Change fields of a record. Raises NotAllowed, InvalidInput and Duplicate, changing nothing.

    A sensitive value stays hidden: a variable that stops being sensitive needs a new value in the same change.
    """
    require_right(record, by=by, verb="change")
    if isinstance(record, AbstractVariable) and record.sensitive and not changes.get("sensitive", True):
        _require_new_value(record, changes)
    for name, value in changes.items():
        setattr(record, name, value)
    _check_one_organization(record)
    if isinstance(record, Workspace) and not connection_hosts.COLUMNS.isdisjoint(changes):
        connection_hosts.check_host(record, by=by)
    if isinstance(record, Template) and "tcl" in changes:
        connection_hosts.check_imports(record)
    written = set(changes)
    if isinstance(record, Audited):
        record.updated_by = name_of(by)
        written.add("updated_by")
    # Leave other columns alone: other processes write them meanwhile, above all the status.
    with checked(record):
        return save_valid(record, update_fields=written)


@told_to_history
def delete_record(record: models.Model, *, by: Actor) -> None:
    """Delete a record. Raises NotAllowed, and WrongState while other records use it."""
    require_right(record, by=by, verb="delete")
    try:
        with transaction.atomic(), checked(record):
            record.delete()
    except ProtectedError as error:
        users = ", ".join(sorted(str(user) for user in list(error.protected_objects)[:5]))
        raise WrongState(message(_("{name} is still used by {users}."), name=record, users=users)) from error
    if isinstance(record, Team):
        retire_team_tokens(record.name, by=by)
