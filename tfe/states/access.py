"""The versions that an address names, of workspaces whose states the caller may read."""

from __future__ import annotations

from django.db.models import QuerySet

from executors.attempts.state_tokens import RunUser
from tfe.errors import NotFound
from tfe.lookup import key_of, readable_workspace
from workspaces.actors import Actor
from workspaces.choices import ExecutionMode
from workspaces.errors import NotAllowed
from workspaces.models import StateUpload, StateVersion, Workspace


def readable_at_start(actor: Actor, key: str) -> Workspace:
    """Return a workspace whose state a terminal asks for before it does anything. Raises NotFound and NotAllowed.

    Every ``init`` asks, also that of a person who may plan and not read states, and goes on only with a state or none.
    Where commands run at the terminal none would mean to create everything again.
    """
    try:
        return readable_workspace(actor, key)
    except NotAllowed:
        at_terminal = Workspace.objects.filter(pk=key, execution_mode=ExecutionMode.LOCAL).exists()
        if at_terminal or isinstance(actor, RunUser):
            raise
        raise NotFound from None


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
