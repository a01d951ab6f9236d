"""Create, change and delete projects, and decide who may move a workspace between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces.actors import Actor
from workspaces.errors import InvalidInput, WrongState
from workspaces.models import Organization, Project, Workspace
from workspaces.permissions import require_permission, rights, rights_given_by
from workspaces.services.accesses import refuse_to_give
from workspaces.services.records import create_record, delete_record, require_right, update_record

_NAMES_SHOWN = 5


def create_project(organization: Organization, *, by: Actor, name: str, description: str | None = None) -> Project:
    """Create a project. Raises NotAllowed, InvalidInput, and Duplicate for a name that is taken."""
    return create_record(Project(organization=organization, name=name, description=description), by=by)


def update_project(project: Project, changes: Mapping[str, Any], *, by: Actor) -> Project:
    """Change a project. Raises NotAllowed, InvalidInput and Duplicate."""
    return update_record(project, changes, by=by)


def delete_project(project: Project, *, by: Actor) -> None:
    """Delete a project without workspaces. Raises NotAllowed, and WrongState while it has workspaces."""
    require_right(project, by=by, verb="delete")
    inside = Workspace.objects.filter(project=project, deleted=False)
    names = list(inside.values_list("name", flat=True)[: _NAMES_SHOWN + 1])
    if names:
        shown = ", ".join(names[:_NAMES_SHOWN]) + (", …" if len(names) > _NAMES_SHOWN else "")
        sentence = _("The project {name} still has workspaces: {workspaces}. Move or delete them first.")
        raise WrongState(message(sentence, name=project.name, workspaces=shown))
    delete_record(project, by=by)


def require_move(workspace: Workspace, target: Project | None, *, by: Actor) -> None:
    """Raise NotAllowed unless the actor may move a workspace into a project; None takes it out of its project.

    A move gives the target's groups rights on the workspace and takes those of the source's groups, so it takes the
    right to manage accesses in both, and all rights that the target gives. Raises InvalidInput for the project of
    another organization.
    """
    # The record may already hold the new project, as a form leaves it.
    stored = Workspace.objects.select_related("organization", "project").get(pk=workspace.pk)
    source = stored.project
    if (source and source.pk) == (target and target.pk):
        return
    organization = stored.organization
    if target is not None and target.organization_id != organization.pk:
        sentence = _("The {record} belongs to another organization.")
        raise InvalidInput(message(sentence, record=Project._meta.verbose_name_raw), fields={"project": "unknown"})
    for place in (source, target):
        require_permission(by, organization, "manage_access", action=_("move a workspace"), project=place)
    if target is not None:
        own = asdict(rights(by, organization, stored))
        accesses = target.accesses.all()
        refuse_to_give({name for one in accesses for name, given in rights_given_by(one).items() if given}, own)
