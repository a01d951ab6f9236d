"""Agents: executors that run for good somewhere, which Terrakube knows beside ephemeral ones."""

from django.db import models

from workspaces.models.base import Record
from workspaces.models.organization import Organization
from workspaces.querysets import OrganizationScopedQuerySet


class Agent(Record):
    """The address of a persistent executor. It is kept for Terrakube's clients; ephemeral jobs don't use it."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="agents")
    name = models.CharField(max_length=64)
    description = models.CharField(max_length=256, null=True, blank=True)  # noqa: DJ001 - null is a value of the API
    url = models.CharField(max_length=256, null=True, blank=True)  # noqa: DJ001

    objects = OrganizationScopedQuerySet.as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
