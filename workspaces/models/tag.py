"""Tags of an organization, and the workspaces that have them."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from terrakube_site.messages import Message, message
from workspaces.models.base import Audited, NamedInWords, Record
from workspaces.models.organization import Organization
from workspaces.models.workspace import Workspace
from workspaces.querysets import TagQuerySet, WorkspaceScopedQuerySet


class Tag(Record, Audited):
    """A label for workspaces of an organization."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=64)

    objects = TagQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("organization", "name"), name="one_tag_of_a_name_in_an_organization"),
        )

    def __str__(self) -> str:
        return self.name


class WorkspaceTag(NamedInWords, Record):
    """A tag on a workspace; with a value it is a pair, as ``team = "network"``."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="workspace_tags")
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="workspace_tags")
    value = models.CharField(max_length=256, blank=True, default="", help_text=_("Empty for a tag without a value."))

    objects = WorkspaceScopedQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "tag"), name="one_tag_of_a_workspace"),)

    @property
    def name_in_words(self) -> Message:
        return message(gettext_noop("{workspace} has {tag}"), workspace=str(self.workspace), tag=str(self.tag))
