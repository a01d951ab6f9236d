"""A project as the protocol shows it; the default project has no record, and is None beside its organization."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from django.db.models import Count, Q

from tfe.documents import Json, moments, resource, to_one
from tfe.included import builds
from tfe.project_keys import default_project_id, organization_of_default
from workspaces.actors import Actor
from workspaces.models import Organization, Project, Workspace
from workspaces.permissions import projects_with_right, rights
from workspaces.validation.names import DEFAULT_PROJECT


def project_objects(actor: Actor, organization: Organization, projects: Sequence[Project | None]) -> list[Json]:
    """Return projects of one organization with what the caller may do in each, by a fixed number of queries."""
    may = rights(actor, organization)
    managed = set() if may.manage_access else projects_with_right(actor, "manage_access")
    used = set() if may.create_workspace else projects_with_right(actor, "manage_workspace")
    inside = _workspace_counts(actor, organization, projects)
    found = []
    for project in projects:
        key = None if project is None else project.pk
        manages, creates = may.manage_access or key in managed, may.create_workspace or key in used
        permissions = {
            "can-create-workspace": creates,
            "can-destroy": manages and key is not None,
            "can-move-workspace": manages,
            "can-read": True,
            "can-update": manages and key is not None,
        }
        found.append(_object(organization, project, permissions, inside.get(key, 0)))
    return found


@builds("projects")
def visible_objects(actor: Actor, keys: Sequence[str]) -> list[Json]:
    """Return the visible projects with these ids, by a fixed number of queries for each of their organizations."""
    found = defaultdict[Organization, list[Project | None]](list)
    organizations = [key for text in keys if (key := organization_of_default(text)) is not None]
    for organization in Organization.objects.visible_to(actor).alive().filter(pk__in=organizations):
        found[organization].append(None)
    others = [key for key in keys if organization_of_default(key) is None]
    visible = Project.objects.visible_to(actor).filter(organization__disabled=False).select_related("organization")
    for project in visible.filter(pk__in=others):
        found[project.organization].append(project)
    return [one for organization, projects in found.items() for one in project_objects(actor, organization, projects)]


def project_object(actor: Actor, organization: Organization, project: Project | None) -> Json:
    """Return one project."""
    return project_objects(actor, organization, [project])[0]


def _object(organization: Organization, project: Project | None, permissions: Json, workspaces: int) -> Json:
    own = {
        "name": DEFAULT_PROJECT if project is None else project.name,
        "description": "" if project is None else project.description or "",
        **({} if project is None else moments(created_at=project.created_date)),
    }
    attributes = own | {
        "default-execution-mode": organization.execution_mode,
        "is-unified": False,
        "permissions": permissions,
        "setting-overwrites": {"default-execution-mode": False, "default-agent-pool": False},
        "workspace-count": workspaces,
    }
    key = default_project_id(organization.pk) if project is None else project.pk
    return resource("projects", key, attributes, {"organization": to_one("organizations", organization.name)})


def _workspace_counts(
    actor: Actor, organization: Organization, projects: Sequence[Project | None]
) -> dict[object, int]:
    """Return how many visible workspaces each project has, by its key; None is the default project."""
    wanted = Q(project__in=[project.pk for project in projects if project is not None])
    if None in projects:
        wanted |= Q(project=None)
    visible = Workspace.objects.visible_to(actor).alive().filter(wanted, organization=organization)
    return {row["project"]: row["number"] for row in visible.order_by().values("project").annotate(number=Count("pk"))}
