"""Access to one workspace, for groups whose teams don't have it in the whole organization."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from workspaces.choices import TeamRole
from workspaces.models.base import Record
from workspaces.models.workspace import Workspace
from workspaces.querysets import WorkspaceScopedQuerySet


class Access(Record):
    """What the members of a group may do on one workspace, beside what their teams allow."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="accesses")
    name = models.CharField(max_length=64, help_text=_("The name of a group, as sign-in and tokens give it."))
    manage_state = models.BooleanField(default=False)
    manage_workspace = models.BooleanField(default=False)
    manage_job = models.BooleanField(default=False)
    plan_job = models.BooleanField(default=False)
    approve_job = models.BooleanField(default=False)
    role = models.CharField(max_length=16, choices=TeamRole, null=True, blank=True)  # noqa: DJ001 - null is a value of the API

    objects = WorkspaceScopedQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        verbose_name_plural = "accesses"
        constraints = (models.UniqueConstraint(fields=("workspace", "name"), name="one_access_of_a_group"),)

    def __str__(self) -> str:
        return self.name
