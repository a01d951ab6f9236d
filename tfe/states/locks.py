"""Lock and unlock a workspace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from tfe.documents import Json, document
from tfe.errors import Conflict, Invalid
from tfe.identities import in_words
from tfe.included import objects_of
from tfe.lookup import workspace_of
from tfe.views import TfeView
from workspaces.actors import Actor
from workspaces.models import Workspace
from workspaces.services.locks import HeldByAnother, StatePending, lock_workspace, unlock_workspace

_LONGEST_REASON = 512


@contextmanager
def _told(workspace: Workspace) -> Iterator[None]:
    """Refuse in the words that the clients look for."""
    try:
        yield
    except HeldByAnother as error:
        raise Conflict(f"Workspace {workspace.name} is locked by {in_words(error.holder)}") from None
    except StatePending:
        raise Invalid("latest state version is still pending") from None


def _reason(request: Request) -> str:
    """Return the reason of a lock, sent as plain JSON or as attribute of a document without a type."""
    sent: Any = request.data if isinstance(request.data, dict) else {}
    data = sent.get("data")
    attributes = data.get("attributes") if isinstance(data, dict) else None
    reason = (attributes if isinstance(attributes, dict) else sent).get("reason")
    return reason.replace("\0", "")[:_LONGEST_REASON] if isinstance(reason, str) else ""


def workspace_document(workspace: Workspace, actor: Actor) -> Json:
    """Return a workspace as the actions answer with it."""
    return document(objects_of("workspaces", actor, [workspace.pk])[0])


class LockView(TfeView):
    """``POST workspaces/ID/actions/lock``: for who will write the state, so no job may hold it."""

    def post(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(self.actor, workspace_id)
        with _told(workspace):
            lock_workspace(workspace, by=self.actor, reason=_reason(request), alone=True)
        return Response(workspace_document(workspace, self.actor))


class UnlockView(TfeView):
    """``POST workspaces/ID/actions/unlock``: for who locked it."""

    def post(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(self.actor, workspace_id)
        with _told(workspace):
            unlock_workspace(workspace, by=self.actor)
        return Response(workspace_document(workspace, self.actor))


class ForceUnlockView(TfeView):
    """``POST workspaces/ID/actions/force-unlock``: for who may manage the workspace."""

    def post(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(self.actor, workspace_id)
        with _told(workspace):
            unlock_workspace(workspace, by=self.actor, force=True)
        return Response(workspace_document(workspace, self.actor))
