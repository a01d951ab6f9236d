"""``project`` and its ``project_access``."""

from __future__ import annotations

from workspaces.api.jsonapi.attributes import audit, of_columns
from workspaces.api.jsonapi.resource import make, to_many, to_one
from workspaces.api.resources.changes import creating, deleting, updating
from workspaces.models import Project, ProjectAccess
from workspaces.services.accesses import create_access, update_access
from workspaces.services.projects import delete_project, update_project

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
    update=updating(Project, update_project),
    delete=deleting(delete_project),
)

PROJECT_ACCESS = make(
    "project_access",
    ProjectAccess,
    of_columns(ProjectAccess, "name manageState manageWorkspace manageJob planJob approveJob role"),
    (to_one("project", required=True),),
    joined=("project__organization",),
    create=creating(ProjectAccess, create_access),
    update=updating(ProjectAccess, update_access),
    delete=deleting(),
)
