"""Put tags on workspaces, by name or by id; a tag that its organization lacks is created on the way."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces.actors import Actor
from workspaces.errors import InvalidInput
from workspaces.models import Organization, Tag, Workspace, WorkspaceTag
from workspaces.permissions import require_permission
from workspaces.services.records import create_record, delete_record, require_right, update_record

TAG = _("tag a workspace")


def require_tagging(workspace: Workspace, *, by: Actor) -> None:
    """Raise NotAllowed unless the actor may change the tags of a workspace."""
    require_permission(by, workspace.organization, "manage_workspace", action=TAG, workspace=workspace)


def tag_workspace(
    workspace: Workspace, values: Mapping[str, str | None], *, by: Actor, replace: bool = False
) -> list[WorkspaceTag]:
    """Give a workspace tags, each with its value; return those given, in the order of the names.

    A value of None keeps the one that the workspace has. With ``replace`` it loses all other tags. Raises NotAllowed
    and InvalidInput, changing nothing.
    """
    require_tagging(workspace, by=by)
    with transaction.atomic():
        present = {found.tag.name: found for found in workspace.workspace_tags.select_related("tag")}
        if replace:
            for name in present.keys() - values.keys():
                delete_record(present.pop(name), by=by)
        return [_tagged(workspace, name, value, present.get(name), by=by) for name, value in values.items()]


def _tagged(
    workspace: Workspace, name: str, value: str | None, present: WorkspaceTag | None, *, by: Actor
) -> WorkspaceTag:
    if present is None:
        tag = _tag_named(workspace.organization, name, by=by)
        return create_record(WorkspaceTag(workspace=workspace, tag=tag, value=value or ""), by=by)
    if value is None or value == present.value:
        return present
    present.workspace = workspace
    return update_record(present, {"value": value}, by=by)


def _tag_named(organization: Organization, name: str, *, by: Actor) -> Tag:
    found: Tag | None = organization.tags.filter(name=name).first()
    return found or create_record(Tag(organization=organization, name=name), by=by)


def untag_workspace(workspace: Workspace, *, names: Collection[str], keys: Collection[UUID] = (), by: Actor) -> None:
    """Take tags from a workspace, by name or by key; one that it does not have is no error. Raises NotAllowed."""
    require_tagging(workspace, by=by)
    with transaction.atomic():
        for found in workspace.workspace_tags.select_related("tag"):
            if found.tag.name in names or found.tag_id in keys:
                delete_record(found, by=by)


def tag_workspaces(tag: Tag, workspaces: Collection[Workspace], *, by: Actor) -> None:
    """Give several workspaces one tag. Raises NotAllowed, and InvalidInput for another organization's workspace."""
    require_right(tag, by=by, verb="change")
    with transaction.atomic():
        for workspace in workspaces:
            if workspace.organization_id != tag.organization_id:
                sentence = _("The workspace {name} belongs to another organization.")
                raise InvalidInput(message(sentence, name=workspace.name))
            tag_workspace(workspace, {tag.name: None}, by=by)


def delete_tags(tags: Collection[Tag], *, by: Actor) -> None:
    """Delete tags of an organization, and take them from all its workspaces. Raises NotAllowed, deleting none."""
    with transaction.atomic():
        for tag in tags:
            delete_record(tag, by=by)
