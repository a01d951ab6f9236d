"""What a user does with organizations."""

from __future__ import annotations

from django.db import transaction

from workspaces import flows
from workspaces.access import Actor, is_admin, name_of
from workspaces.errors import NotAllowed
from workspaces.models import Organization, Template
from workspaces.services.saving import save_valid


def create_organization(*, by: Actor, name: str, **attributes: object) -> Organization:
    """Make an organization with Terrakube's default templates.

    Raises InvalidInput for what its fields don't allow, NotAllowed for anyone but an administrator.
    """
    if not is_admin(by):
        raise NotAllowed("Only administrators may create organizations.")
    with transaction.atomic():
        organization = save_valid(Organization(name=name, **attributes))
        add_default_templates(organization, by=by)
    return organization


def add_default_templates(organization: Organization, *, by: Actor) -> None:
    """Give an organization those of the default templates that it lacks."""
    present = set(organization.templates.values_list("name", flat=True))
    Template.objects.bulk_create(
        Template(
            organization=organization,
            name=template.name,
            description=template.description,
            version=template.version,
            tcl=template.tcl,
            created_by=name_of(by),
            updated_by=name_of(by),
        )
        for template in flows.DEFAULT_TEMPLATES
        if template.name not in present
    )
