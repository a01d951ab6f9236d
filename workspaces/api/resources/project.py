"""``project`` and its ``project_access``."""

from __future__ import annotations

from workspaces.actors import Actor
from workspaces.api.jsonapi.attributes import audit, of_columns
from workspaces.api.jsonapi.resource import Change, make, to_many, to_one
from workspaces.api.resources.changes import columns, creating, deleting
from workspaces.models import Project, ProjectAccess
from workspaces.services.accesses import create_access, update_access
from workspaces.services.projects import delete_project, update_project


def _update(record: Project, change: Change, actor: Actor) -> None:
    update_project(record, columns(change, Project), by=actor)


def _delete(record: Project, actor: Actor) -> None:
    delete_project(record, by=actor)


PROJECT = make(
    "project",
    Project,
    (*of_columns(Project, "name description"), *audit(Project)),
    (
        to_one("organization", required=True),
        to_many("projectAccess", "project", type="project_access"),
        to_many("workspace", "project"),
    ),
    root=True,
    joined=("organization",),
    create=creating(Project),
    update=_update,
    delete=_delete,
)


def _create_access(change: Change, actor: Actor) -> ProjectAccess:
    return create_access(ProjectAccess(**columns(change, ProjectAccess)), by=actor)


def _update_access(record: ProjectAccess, change: Change, actor: Actor) -> None:
    update_access(record, columns(change, ProjectAccess), by=actor)


PROJECT_ACCESS = make(
    "project_access",
    ProjectAccess,
    of_columns(ProjectAccess, "name manageState manageWorkspace manageJob planJob approveJob role"),
    (to_one("project", required=True),),
    joined=("project__organization",),
    create=_create_access,
    update=_update_access,
    delete=deleting(),
)
