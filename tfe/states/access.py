"""Who may read the state of a workspace, and the versions that an address names."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext_noop as _

from tfe.errors import NotFound
from tfe.lookup import key_of, workspace_of
from workspaces.actors import Actor
from workspaces.models import StateUpload, StateVersion, Workspace
from workspaces.permissions import require_permission

RIGHT = "manage_state"


def require_state_right(actor: Actor, workspace: Workspace) -> None:
    """Raise NotAllowed unless the actor may read the states of a workspace."""
    require_permission(actor, workspace.organization, RIGHT, action=_("read a state"), workspace=workspace)


def readable_workspace(actor: Actor, key: str) -> Workspace:
    """Return a workspace whose states the actor may read. Raises NotFound and NotAllowed."""
    workspace = workspace_of(actor, key)
    require_state_right(actor, workspace)
    return workspace


def versions_without_content() -> QuerySet[StateVersion]:
    """Return the versions without their states, which are large."""
    return StateVersion.objects.select_related("workspace__organization").defer("content", "json")


def readable_version(actor: Actor, key: str, versions: QuerySet[StateVersion] | None = None) -> StateVersion:
    """Return a version whose state the actor may read. Raises NotFound and NotAllowed.

    The id of an upload that has arrived is that of its version too.
    """
    rows = versions if versions is not None else StateVersion.objects.select_related("workspace__organization")
    number = key_of(key)
    found = rows.filter(pk=number).first() or rows.filter(uploads=number).first()
    if found is None:
        raise NotFound
    readable_workspace(actor, str(found.workspace_id))
    return found


def readable_upload(actor: Actor, key: str) -> StateUpload | None:
    """Return an announced state that has not arrived; None if there is none of this id. Raises NotFound, NotAllowed."""
    uploads = StateUpload.objects.filter(pk=key_of(key), version=None)
    found: StateUpload | None = uploads.select_related("workspace__organization").first()
    if found is not None:
        readable_workspace(actor, str(found.workspace_id))
    return found
