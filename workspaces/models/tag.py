"""Tags of an organization, and which workspaces have them."""

from django.db import models
from django.utils.translation import gettext, gettext_noop

from workspaces.models.base import Audited, Record
from workspaces.models.organization import Organization
from workspaces.models.workspace import Workspace
from workspaces.querysets import OrganizationScopedQuerySet, WorkspaceScopedQuerySet


class Tag(Record, Audited):
    """A word that workspaces of an organization can be given."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=64)

    objects = OrganizationScopedQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("organization", "name"), name="one_tag_of_a_name_in_an_organization"),
        )

    def __str__(self) -> str:
        return self.name


class WorkspaceTag(Record):
    """That a workspace has a tag."""

    NAMES = (gettext_noop("%(workspace)s has %(tag)s"),)

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="workspace_tags")
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="workspace_tags")

    objects = WorkspaceScopedQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "tag"), name="one_tag_of_a_workspace"),)

    def __str__(self) -> str:
        return gettext(self.NAMES[0]) % {"workspace": self.workspace, "tag": self.tag}
