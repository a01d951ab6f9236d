"""Agents: permanently running executors, which Terrakube has besides ephemeral ones."""

from django.db import models

from workspaces.models.base import Record
from workspaces.models.organization import Organization
from workspaces.querysets import AgentQuerySet


class Agent(Record):
    """The address of a permanent executor, stored for Terrakube's clients; ephemeral jobs do not use it."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="agents")
    name = models.CharField(max_length=64)
    description = models.CharField(max_length=256, null=True, blank=True)  # noqa: DJ001 - null is a value of the API
    url = models.CharField(max_length=256, null=True, blank=True)  # noqa: DJ001

    objects = AgentQuerySet.as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
