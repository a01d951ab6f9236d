"""The ids of projects, which projects and workspaces both show: a project's key, or ``prj-`` and an organization's key.

Every workspace of the protocol has a project. One without a project is in the default project of its organization,
which has no record here (see ``workspaces.models.project``) and so is named by its organization.
"""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q

from tfe.body import Related
from tfe.documents import Json, to_one
from tfe.errors import Invalid, NotFound
from tfe.lookup import key_of
from workspaces.actors import Actor
from workspaces.models import Organization, Project, Workspace

_DEFAULT = "prj-"
_POINTER = "/data/relationships/project"


def default_project_id(organization_id: UUID) -> str:
    """Return the id of an organization's default project."""
    return f"{_DEFAULT}{organization_id}"


def organization_of_default(key: str) -> UUID | None:
    """Return the organization that the id of a default project names; None for another id. Raises NotFound."""
    return key_of(key.removeprefix(_DEFAULT)) if key.startswith(_DEFAULT) else None


def project_id(workspace: Workspace) -> str:
    """Return the id of the project that a workspace is in."""
    return default_project_id(workspace.organization_id) if workspace.project_id is None else str(workspace.project_id)


def project_relation(workspace: Workspace) -> Json:
    """Return a workspace's relationship to its project, without a query."""
    return to_one("projects", project_id(workspace))


def in_project(key: str) -> Q:
    """Return the condition for workspaces of the project with an id, as ``filter[project][id]`` asks."""
    try:
        if key.startswith(_DEFAULT):
            return Q(project=None, organization=key_of(key.removeprefix(_DEFAULT)))
        return Q(project=key_of(key))
    except NotFound:
        return Q(pk__in=[])


def project_of(actor: Actor, key: str) -> tuple[Organization, Project | None]:
    """Return a visible project by its id, and its organization; None is the default project. Raises NotFound."""
    if key.startswith(_DEFAULT):
        organizations = Organization.objects.visible_to(actor).alive()
        organization: Organization | None = organizations.filter(pk=key_of(key.removeprefix(_DEFAULT))).first()
        if organization is None:
            raise NotFound
        return organization, None
    visible = Project.objects.visible_to(actor).filter(organization__disabled=False).select_related("organization")
    project: Project | None = visible.filter(pk=key_of(key)).first()
    if project is None:
        raise NotFound
    return project.organization, project


def named_project(actor: Actor, organization: Organization, named: Related) -> Project | None:
    """Return the project that a workspace's document puts it into; None is the default project. Raises Invalid."""
    try:
        found, project = project_of(actor, named.key)
    except NotFound:
        found, project = None, None
    if found is None or found.pk != organization.pk:
        raise Invalid(f"There is no such project in {organization.name}.", _POINTER)
    return project
