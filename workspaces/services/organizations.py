"""What a user does with organizations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_noop as _

from workspaces import flows
from workspaces.access import Actor, is_admin, name_of
from workspaces.errors import NotAllowed
from workspaces.models import Organization, Template
from workspaces.queueing import enqueue
from workspaces.services.records import update_record
from workspaces.services.saving import save_valid
from workspaces.services.workspaces import freed_name


def create_organization(*, by: Actor, name: str, **attributes: object) -> Organization:
    """Make an organization with Terrakube's default templates.

    Raises InvalidInput for what its fields don't allow, NotAllowed for anyone but an administrator.
    """
    if not is_admin(by):
        raise NotAllowed(_("Only administrators may create organizations."))
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


def update_organization(organization: Organization, changes: Mapping[str, Any], *, by: Actor) -> Organization:
    """Change an organization; disabling it hides its workspaces with it. Raises NotAllowed, InvalidInput, Duplicate."""
    was_disabled = organization.disabled
    with transaction.atomic():
        update_record(organization, changes, by=by)
        if organization.disabled and not was_disabled:
            alive = organization.workspaces.filter(deleted=False)
            keys = list(alive.filter(jobs__in=organization.jobs.unfinished()).values_list("pk", flat=True).distinct())
            alive.update(deleted=True)
            for key in keys:
                # Its waiting jobs must hear that they never start.
                enqueue("executors.tasks.advance_workspace", str(key))
    return organization


def delete_organization(organization: Organization, *, by: Actor) -> Organization:
    """Disable an organization and free its name; nothing of it is lost. Raises NotAllowed."""
    return update_organization(organization, {"disabled": True, "name": freed_name(organization.name, 32)}, by=by)
