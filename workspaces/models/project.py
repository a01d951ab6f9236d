"""Projects: workspaces of an organization that belong together, and the groups that work on all of them.

A workspace without a project keeps null, as in Terrakube: its provider compares the relationship with its own
configuration, and a project that no user set would be a difference at every plan. Terraform's cloud protocol, where
each workspace has a project, shows these workspaces in ``DEFAULT_PROJECT``. That one has no row: it comes with the
organization, cannot be renamed or deleted, has no accesses, and no other project may take its name.
"""

from typing import ClassVar

from django.db import models

from workspaces.models.base import Audited, CheckedOnChange, Record
from workspaces.models.grants import group_name_field, role_field
from workspaces.models.organization import Organization
from workspaces.querysets import ProjectAccessQuerySet, ProjectQuerySet
from workspaces.validation.names import check_project_name


class Project(CheckedOnChange, Record, Audited):
    """Workspaces of an organization that belong together."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="projects")
    name = models.CharField(max_length=256)
    description = models.CharField(max_length=256, null=True, blank=True)  # noqa: DJ001 - null is a value of the API

    CHECKS: ClassVar = {"name": check_project_name}

    objects = ProjectQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("organization", "name"), name="one_project_of_a_name_in_an_organization"),
        )

    def __str__(self) -> str:
        return self.name


class ProjectAccess(Record):
    """What the members of a group may do on the workspaces of a project, in addition to what their teams allow."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="accesses")
    name = group_name_field(max_length=255)
    manage_state = models.BooleanField(default=False)
    manage_workspace = models.BooleanField(default=False)
    manage_job = models.BooleanField(default=False)
    plan_job = models.BooleanField(default=False)
    approve_job = models.BooleanField(default=False)
    role = role_field()

    objects = ProjectAccessQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        verbose_name_plural = "project accesses"
        constraints = (models.UniqueConstraint(fields=("project", "name"), name="one_project_access_of_a_group"),)

    def __str__(self) -> str:
        return self.name
