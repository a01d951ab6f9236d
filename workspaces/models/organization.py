"""Organizations and the teams that may act in them."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from workspaces.choices import ExecutionMode, TeamRole
from workspaces.models.base import Record
from workspaces.querysets import OrganizationQuerySet, OrganizationScopedQuerySet


class Organization(Record):
    name = models.CharField(max_length=32, unique=True)
    description = models.CharField(max_length=256, null=True, blank=True)  # noqa: DJ001 - null is a value of the API
    disabled = models.BooleanField(default=False, help_text=_("A disabled organization is hidden and runs nothing."))
    execution_mode = models.CharField(max_length=16, choices=ExecutionMode, default=ExecutionMode.REMOTE)
    icon = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Team(Record):
    """A group of users, by name, and what its members may do in one organization."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="teams")
    name = models.CharField(max_length=64, help_text=_("The name of a group, as sign-in and tokens give it."))
    manage_state = models.BooleanField(default=False)
    manage_collection = models.BooleanField(default=False)
    manage_job = models.BooleanField(default=False)
    manage_workspace = models.BooleanField(default=False)
    manage_module = models.BooleanField(default=False)
    manage_provider = models.BooleanField(default=False)
    manage_vcs = models.BooleanField(default=False)
    manage_template = models.BooleanField(default=False)
    plan_job = models.BooleanField(default=False)
    approve_job = models.BooleanField(default=False)
    role = models.CharField(max_length=16, choices=TeamRole, null=True, blank=True)  # noqa: DJ001

    objects = OrganizationScopedQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("organization", "name"), name="one_team_of_a_name_in_an_organization"),
        )

    def __str__(self) -> str:
        return self.name
