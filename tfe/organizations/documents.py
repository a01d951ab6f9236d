"""An organization as the protocol shows it; its name is its id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tfe.documents import Json, resource, to_one
from tfe.included import builds
from tfe.project_keys import default_project_id
from workspaces.actors import Actor, is_admin
from workspaces.models import Organization
from workspaces.permissions import rights

CONSTANT: Mapping[str, Any] = {
    "aggregated-commit-status-enabled": False,
    "allow-force-delete-workspaces": True,
    "assessments-enforced": False,
    "collaborator-auth-policy": "password",
    "enforce-hyok": False,
    "max-ttl-enabled": False,
    "saml-enabled": False,
    "send-passing-statuses-for-untriggered-speculative-plans": False,
    "session-remember": None,
    "session-timeout": None,
    "speculative-plan-management-enabled": False,
    "user-tokens-enabled": True,
}
"""What no organization has otherwise here."""


def organization_object(organization: Organization, actor: Actor) -> Json:
    """Return an organization with what the caller may do in it."""
    may, administrator = rights(actor, organization), is_admin(actor)
    attributes = {
        "name": organization.name,
        "external-id": str(organization.pk),
        "email": organization.email,
        "description": organization.description or "",
        "default-execution-mode": organization.execution_mode,
        **CONSTANT,
        "cost-estimation-enabled": False,
        "stacks-enabled": False,
        "permissions": {
            "can-create-project": may.create_workspace,
            "can-create-team": administrator,
            "can-create-workspace": may.create_workspace,
            "can-destroy": administrator,
            "can-manage-public-modules": False,
            "can-manage-tags": may.manage_workspace,
            "can-manage-users": False,
            "can-read-tags": True,
            "can-traverse": True,
            "can-update": administrator,
            "can-update-ssh-keys": may.manage_vcs,
        },
    }
    project = to_one("projects", default_project_id(organization.pk))
    return resource("organizations", organization.name, attributes, {"default-project": project})


@builds("organizations")
def organization_objects(actor: Actor, keys: Sequence[Any]) -> list[Json]:
    """Return visible organizations by their records' keys."""
    visible = Organization.objects.visible_to(actor).alive().filter(pk__in=keys)
    return [organization_object(found, actor) for found in visible]
