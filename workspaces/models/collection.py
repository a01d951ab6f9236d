"""Collections: variables that several workspaces share by reference."""

from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from terrakube_site.messages import Message, message
from workspaces.models.base import Audited, NamedInWords, Record
from workspaces.models.organization import Organization
from workspaces.models.variable import AbstractVariable
from workspaces.models.workspace import Workspace
from workspaces.querysets import CollectionQuerySet, CollectionScopedQuerySet, WorkspaceScopedQuerySet


class Collection(Record, Audited):
    """Named variables with a priority: of two collections of a workspace, the higher number wins."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="collections")
    name = models.CharField(max_length=128)
    description = models.CharField(max_length=512, null=True, blank=True)  # noqa: DJ001 - null is a value of the API
    priority = models.IntegerField(default=10, help_text=_("The higher number wins."))

    objects = CollectionQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "name"), name="one_collection_of_a_name_in_an_organization"
            ),
        )

    def __str__(self) -> str:
        return self.name


class Item(AbstractVariable):
    """A variable of a collection."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="items")
    key = models.CharField(max_length=3072)
    description = models.CharField(max_length=512, null=True, blank=True)  # noqa: DJ001

    objects = CollectionScopedQuerySet.as_manager()

    class Meta:
        ordering = ("category", "key")
        constraints = (models.UniqueConstraint(fields=("collection", "key"), name="one_item_of_a_key_in_a_collection"),)

    @property
    def collection_name(self) -> str:
        return self.collection.name

    @property
    def organization_key(self) -> UUID | None:
        # A new record may not have one yet.
        collection: Collection | None = getattr(self, "collection", None)
        return None if collection is None else collection.organization_id


class Reference(NamedInWords, Record):
    """The use of a collection by a workspace."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="references")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="references")
    description = models.CharField(max_length=512, null=True, blank=True)  # noqa: DJ001

    objects = WorkspaceScopedQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("collection", "workspace"), name="one_reference_of_a_workspace_to_a_collection"
            ),
        )

    @property
    def name_in_words(self) -> Message:
        uses = gettext_noop("{workspace} uses {collection}")
        return message(uses, workspace=str(self.workspace), collection=str(self.collection))

    def clean(self) -> None:
        if self.collection.organization_id != self.workspace.organization_id:
            raise ValidationError(_("The collection and the workspace belong to different organizations."))
