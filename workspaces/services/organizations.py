"""Create, change and delete organizations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_noop as _

from workspaces import flows
from workspaces.actors import Actor, is_admin, name_of
from workspaces.caller import told_to_history
from workspaces.errors import NotAllowed
from workspaces.models import Organization, Template
from workspaces.services.records import update_record
from workspaces.services.saving import save_valid
from workspaces.services.workspaces import fitting_name, freed_name
from workspaces.task_queue.client import enqueue


@told_to_history
def create_organization(*, by: Actor, name: str, **attributes: object) -> Organization:
    """Create an organization with Terrakube's default templates.

    Raises InvalidInput for invalid fields, NotAllowed for anyone but an administrator.
    """
    if not is_admin(by):
        raise NotAllowed(_("Only administrators may create organizations."))
    with transaction.atomic():
        organization = save_valid(Organization(name=name, **attributes))
        add_default_templates(organization, by=by)
    return organization


def add_default_templates(organization: Organization, *, by: Actor) -> None:
    """Add the default templates that an organization lacks."""
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
    """Change an organization; disabling it hides its workspaces, enabling it shows them again.

    Waiting jobs end, and a running job starts no further step. Raises NotAllowed, InvalidInput, Duplicate.
    """
    was_disabled = organization.disabled
    with transaction.atomic():
        # The name of a disabled organization is that of a deleted one.
        update_record(organization, fitting_name(changes, 64) if changes.get("disabled") else changes, by=by)
        if organization.disabled and not was_disabled:
            unfinished = organization.workspaces.filter(jobs__in=organization.jobs.unfinished())
            keys = list(unfinished.values_list("pk", flat=True).distinct())
            organization.workspaces.filter(deleted=False).update(deleted=True, deleted_with_organization=True)
            for key in keys:
                enqueue("executors.tasks.advance_workspace", str(key))
        elif was_disabled and not organization.disabled:
            # Workspaces deleted individually before stay deleted.
            hidden = organization.workspaces.filter(deleted_with_organization=True)
            hidden.update(deleted=False, deleted_with_organization=False)
    return organization


def delete_organization(organization: Organization, *, by: Actor) -> Organization:
    """Disable an organization and free its name; its data is kept. Raises NotAllowed."""
    return update_organization(organization, {"disabled": True, "name": freed_name(organization.name, 64)}, by=by)
