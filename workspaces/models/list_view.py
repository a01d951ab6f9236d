"""How people view the lists of the panel: saved filters, and what each person chose for a list."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from workspaces.choices import PanelList
from workspaces.models.base import Audited, Record
from workspaces.models.organization import Organization
from workspaces.querysets import SavedFilterQuerySet


class SavedFilter(Record, Audited):
    """The filter, search and order of a list under a name: a person's own, or shared with an organization."""

    LONGEST_QUERY = 2000

    panel_list = models.CharField("list", max_length=16, choices=PanelList)
    name = models.CharField(max_length=64)
    query = models.CharField(max_length=LONGEST_QUERY)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="saved_filters", editable=False
    )
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, null=True, related_name="saved_filters", editable=False
    )

    objects = SavedFilterQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(
                condition=Q(owner=None, organization__isnull=False) | Q(owner__isnull=False, organization=None),
                name="saved_filter_is_own_or_shared",
            ),
            # Two filters without an owner, or without an organization, are never equal to the database.
            models.UniqueConstraint(
                fields=("owner", "panel_list", "name"),
                name="one_own_filter_of_a_name",
            ),
            models.UniqueConstraint(
                fields=("organization", "panel_list", "name"),
                name="one_shared_filter_of_a_name",
            ),
        )

    def __str__(self) -> str:
        return self.name


class ListPreference(models.Model):
    """What a person chose for a list: the filter it opens with, and its columns."""

    user: Any = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="list_preferences", editable=False
    )
    panel_list = models.CharField("list", max_length=16, choices=PanelList)
    default_filter = models.ForeignKey(SavedFilter, on_delete=models.SET_NULL, null=True, related_name="+")
    columns = models.JSONField(default=list)
    """Names of the columns beside the first one; an empty list stands for those that the list has by itself."""

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("user", "panel_list"), name="one_preference_of_a_person_for_a_list"),
        )

    def __str__(self) -> str:
        return str(self.get_panel_list_display())
