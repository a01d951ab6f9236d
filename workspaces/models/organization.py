"""Organizations and the teams that may act in them."""

from collections.abc import Callable, Mapping
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from workspaces.choices import ExecutionMode
from workspaces.models.base import CheckedOnChange, Record
from workspaces.models.grants import group_name_field, role_field
from workspaces.querysets import OrganizationQuerySet, OrganizationScopedQuerySet
from workspaces.validation.names import check_path_name


class Organization(CheckedOnChange, Record):
    name = models.CharField(max_length=64, unique=True)
    email = models.EmailField(blank=True, default="", help_text=_("Contact for questions about the organization."))
    description = models.CharField(max_length=256, null=True, blank=True)  # noqa: DJ001 - null is a value of the API
    disabled = models.BooleanField(default=False, help_text=_("A disabled organization is hidden and runs no jobs."))
    execution_mode = models.CharField(max_length=16, choices=ExecutionMode, default=ExecutionMode.REMOTE)
    no_self_approval = models.BooleanField(
        default=False,
        help_text=_(
            "Users, including administrators, may not approve jobs that they started. A job that changes resources "
            "needs an approval before each change."
        ),
    )
    icon = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001

    CHECKS: ClassVar = {"name": check_path_name}

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def checks(self) -> Mapping[str, Callable[[str], None]]:
        """The checks, without that of the name once disabled: freeing a name appends to it."""
        return {name: check for name, check in self.CHECKS.items() if name != "name" or not self.disabled}


class Team(Record):
    """A group of users, by name, and what its members may do in one organization."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="teams")
    name = group_name_field(max_length=64)
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
    role = role_field()

    objects = OrganizationScopedQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("organization", "name"), name="one_team_of_a_name_in_an_organization"),
        )

    def __str__(self) -> str:
        return self.name
