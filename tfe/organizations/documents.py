"""An organization as the protocol shows it; its name is its id."""

from __future__ import annotations

from tfe.documents import Json, resource
from workspaces.actors import Actor, is_admin
from workspaces.models import Organization
from workspaces.permissions import rights


def organization_object(organization: Organization, actor: Actor) -> Json:
    """Return an organization with what the caller may do in it."""
    may, administrator = rights(actor, organization), is_admin(actor)
    attributes = {
        "name": organization.name,
        "external-id": str(organization.pk),
        "default-execution-mode": organization.execution_mode,
        "permissions": {
            "can-create-workspace": may.create_workspace,
            "can-create-team": administrator,
            "can-update": administrator,
            "can-destroy": administrator,
            "can-traverse": True,
        },
    }
    return resource("organizations", organization.name, attributes)
