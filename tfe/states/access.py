"""The versions that an address names, of workspaces whose states the caller may read."""

from __future__ import annotations

from django.db.models import QuerySet

from tfe.errors import NotFound
from tfe.lookup import key_of, readable_workspace
from workspaces.actors import Actor
from workspaces.models import StateUpload, StateVersion


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
