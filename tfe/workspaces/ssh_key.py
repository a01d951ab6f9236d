"""The SSH key with which a workspace fetches modules."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from tfe.errors import Invalid
from tfe.lookup import workspace_of
from tfe.organizations.ssh_keys import ssh_key_of
from tfe.views import TfeView
from tfe.workspaces.documents import workspace_document
from workspaces.services.workspaces import update_workspace


class WorkspaceSshKeyView(TfeView):
    """``workspaces/ID/relationships/ssh-key``; an id of null takes the key away."""

    def patch(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(self.actor, workspace_id)
        key = _sent_key(request.data)
        found = ssh_key_of(self.actor, key) if key else None
        update_workspace(workspace, {"module_ssh_key": found}, by=self.actor)
        return Response(workspace_document(self.actor, workspace))


def _sent_key(sent: Any) -> str:
    """The id: a workspace's attribute for the clients of today, the resource's own id for others."""
    data = sent.get("data") if isinstance(sent, dict) else None
    attributes = data.get("attributes") if isinstance(data, dict) else None
    found = attributes.get("id") if isinstance(attributes, dict) else None
    if found is None and isinstance(data, dict) and data.get("type") == "ssh-keys":
        found = data.get("id")
    if found is not None and not isinstance(found, str):
        raise Invalid("The id of an SSH key is text, or null for none.", "/data/attributes/id")
    return found or ""
