"""Access to one workspace, for groups whose teams do not have it in the whole organization."""

from django.db import models

from workspaces.models.base import Record
from workspaces.models.grants import group_name_field, role_field
from workspaces.models.workspace import Workspace
from workspaces.querysets import AccessQuerySet


class Access(Record):
    """What the members of a group may do on one workspace, in addition to what their teams allow."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="accesses")
    name = group_name_field(max_length=64)
    manage_state = models.BooleanField(default=False)
    manage_workspace = models.BooleanField(default=False)
    manage_job = models.BooleanField(default=False)
    plan_job = models.BooleanField(default=False)
    approve_job = models.BooleanField(default=False)
    role = role_field()

    objects = AccessQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        verbose_name_plural = "accesses"
        constraints = (models.UniqueConstraint(fields=("workspace", "name"), name="one_access_of_a_group"),)
        # Each page asks what a person's groups open, which are few of all.
        indexes = (models.Index(fields=("name",), name="access_of_group"),)

    def __str__(self) -> str:
        return self.name
