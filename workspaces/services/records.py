"""Make, change and delete the records that need no more than a right: who may, who did, and what they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models, transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext_noop as _

from workspaces.access import Actor, name_of
from workspaces.errors import InvalidInput, WrongState
from workspaces.models import (
    Access,
    Agent,
    Collection,
    GlobalVariable,
    Item,
    Job,
    Organization,
    PolicyRule,
    Reference,
    RunLimits,
    Schedule,
    Ssh,
    Tag,
    Team,
    Template,
    Variable,
    Vcs,
    Workspace,
    WorkspaceTag,
)
from workspaces.models.base import Audited
from workspaces.models.variable import AbstractVariable
from workspaces.permissions import require
from workspaces.services.saving import save_valid

RIGHTS: Mapping[type[models.Model], str] = {
    Organization: "manage_organization",
    Team: "manage_organization",
    GlobalVariable: "manage_organization",
    Agent: "manage_organization",
    PolicyRule: "manage_organization",
    Tag: "manage_workspace",
    Workspace: "manage_workspace",
    WorkspaceTag: "manage_workspace",
    Access: "manage_workspace",
    Schedule: "manage_workspace",
    Variable: "manage_workspace",
    Template: "manage_template",
    Collection: "manage_collection",
    Item: "manage_collection",
    Reference: "manage_collection",
    Vcs: "manage_vcs",
    Ssh: "manage_vcs",
    Job: "manage_job",
}
"""The right without which a record of a kind can't be made, changed or deleted."""


def right_on(record: models.Model) -> str:
    """The right that changing a record takes."""
    if isinstance(record, RunLimits):
        # They are part of what they limit.
        return RIGHTS[Workspace if record.workspace_id is not None else Organization]
    return RIGHTS[type(record)]


def organization_of(record: models.Model) -> Organization:
    """The organization that a record belongs to, by way of its workspace, collection or job where it has one."""
    if isinstance(record, Organization):
        return record
    for name in ("organization", "workspace", "collection", "job"):
        found = getattr(record, name, None)
        if isinstance(found, models.Model):
            return organization_of(found)
    raise TypeError(f"{type(record).__name__} belongs to no organization")


def workspace_of(record: models.Model) -> Workspace | None:
    """The workspace that a record is or belongs to; None for what belongs to the organization as a whole."""
    if isinstance(record, Workspace):
        return record
    found = getattr(record, "workspace", None)
    # A reference needs the right on the collection, not on the workspace that it is for.
    return found if isinstance(found, Workspace) and not isinstance(record, Reference) else None


_TO = {"create": _("create a {record}"), "change": _("change a {record}"), "delete": _("delete a {record}")}


def require_right(record: models.Model, *, by: Actor, verb: str) -> None:
    """Raise NotAllowed unless the actor may change records of this kind in its organization."""
    require(
        by,
        organization_of(record),
        right_on(record),
        to=_TO[verb].format(record=record._meta.verbose_name_raw),
        workspace=workspace_of(record),
    )


def _check_one_organization(record: models.Model) -> None:
    """Refuse a reference into another organization. Raises InvalidInput."""
    organization = organization_of(record)
    for field in record._meta.concrete_fields:
        related = getattr(record, field.name) if field.is_relation and getattr(record, field.attname) else None
        if isinstance(related, models.Model) and organization_of(related).pk != organization.pk:
            raise InvalidInput(
                _("The {record} belongs to another organization.").format(record=related._meta.verbose_name_raw),
                fields={field.name: "unknown"},
            )


def create_record[M: models.Model](record: M, *, by: Actor) -> M:
    """Save a new record. Raises NotAllowed, InvalidInput, and Duplicate for a name or key that is taken."""
    require_right(record, by=by, verb="create")
    _check_one_organization(record)
    if isinstance(record, Audited):
        record.created_by = record.updated_by = name_of(by)
    return save_valid(record)


def _require_new_value(variable: AbstractVariable, changes: Mapping[str, Any]) -> None:
    if "value" not in changes:
        raise InvalidInput(
            _("{key} is sensitive and its value is never shown again: give a new value to make it plain.").format(
                key=variable.key
            ),
            fields={"sensitive": "needs a new value"},
        )


def update_record[M: models.Model](record: M, changes: Mapping[str, Any], *, by: Actor) -> M:
    """Change some of a record's fields. Raises NotAllowed, InvalidInput and Duplicate, changing nothing.

    A sensitive value stays hidden: a variable that stops being sensitive must be given a new value at once.
    """
    require_right(record, by=by, verb="change")
    if isinstance(record, AbstractVariable) and record.sensitive and not changes.get("sensitive", True):
        _require_new_value(record, changes)
    for name, value in changes.items():
        setattr(record, name, value)
    _check_one_organization(record)
    written = set(changes)
    if isinstance(record, Audited):
        record.updated_by = name_of(by)
        written |= {"updated_by", "updated_date"}
    # What others write meanwhile, a status above all, is left alone.
    return save_valid(record, update_fields=written)


def delete_record(record: models.Model, *, by: Actor) -> None:
    """Remove a record for good. Raises NotAllowed, and WrongState while others need it."""
    require_right(record, by=by, verb="delete")
    try:
        with transaction.atomic():
            record.delete()
    except ProtectedError as error:
        users = ", ".join(sorted(str(user) for user in list(error.protected_objects)[:5]))
        raise WrongState(_("{name} is still used by {users}.").format(name=record, users=users)) from error
