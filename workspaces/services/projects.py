"""Create, change and delete projects, and decide who may move a workspace between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces.actors import Actor
from workspaces.errors import InvalidInput, NotAllowed, WrongState
from workspaces.models import Organization, Project, Workspace
from workspaces.permissions import projects_with_right, refusal, rights, rights_given_by, rights_on_each
from workspaces.services.accesses import giving_refusal
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


class Mover:
    """Decides which of some workspaces an actor may move into a project, by a few queries for all of them.

    A target of None takes workspaces out of their projects. A move gives the target's groups rights on the workspace
    and takes those of the source's groups. So it takes the right to manage accesses in both, and all rights that the
    target gives. ``workspaces`` are as they are stored, with their organizations.
    """

    def __init__(self, workspaces: Iterable[Workspace], target: Project | None, *, by: Actor) -> None:
        found = list(workspaces)
        self._target = target
        organizations = {row.organization_id: row.organization for row in found}
        self._whole = {key for key, organization in organizations.items() if rights(by, organization).manage_access}
        self._projects = projects_with_right(by, "manage_access")
        self._own = rights_on_each(by, found)
        accesses = target.accesses.all() if target is not None else ()
        self._given = {name for one in accesses for name, given in rights_given_by(one).items() if given}

    def moves(self, workspace: Workspace) -> bool:
        """Return whether the workspace is not in the project yet."""
        return bool(workspace.project_id != (self._target and self._target.pk))

    def refusal(self, workspace: Workspace) -> str:
        """Return why the actor may not move a workspace; empty if they may, or if it is in the project already."""
        if not self.moves(workspace):
            return ""
        target = None if self._target is None else self._target.pk
        whole = workspace.organization_id in self._whole
        if not whole and not {workspace.project_id, target} <= self._projects:
            return refusal(workspace.organization, "manage_access", action=_("move a workspace"))
        return giving_refusal(self._given, asdict(self._own[workspace.pk]))


def foreign_refusal(workspace: Workspace, target: Project | None) -> str:
    """Return the refusal of another organization's project; empty for one of the workspace's organization."""
    if target is None or target.organization_id == workspace.organization_id:
        return ""
    return message(_("The {record} belongs to another organization."), record=Project._meta.verbose_name_raw)


def require_move(workspace: Workspace, target: Project | None, *, by: Actor) -> None:
    """Raise NotAllowed unless the actor may move a workspace, InvalidInput for another organization's project."""
    # The record may already hold the new project, as a form leaves it.
    stored = Workspace.objects.select_related("organization").get(pk=workspace.pk)
    if (stored.project_id, target) == (None, None) or (target is not None and stored.project_id == target.pk):
        return
    if why := foreign_refusal(stored, target):
        raise InvalidInput(why, fields={"project": "unknown"})
    if why := Mover([stored], target, by=by).refusal(stored):
        raise NotAllowed(why)
