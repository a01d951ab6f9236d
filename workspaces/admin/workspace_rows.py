"""Rows on a workspace's pages: the collections it uses, its tags, and the accesses to it."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import models
from django.forms import ModelChoiceField
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from workspaces.admin.base import actor_of, allows, scope
from workspaces.admin.record_rows import RecordInline
from workspaces.forms.roles import AccessForm
from workspaces.forms.suggestions import SuggestingInput
from workspaces.models import Access, Collection, Reference, Tag, WorkspaceTag
from workspaces.services.who_may import groups_to_offer

_GROUP_LIST = "access-groups"


class CollectionInline(RecordInline):
    """The collections that a workspace uses."""

    model = Reference
    fields = ("collection", "description")
    verbose_name = _("collection")
    verbose_name_plural = _("collections it uses")

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        if db_field.name == "collection":
            shown_of: Any = getattr(request, "_organization_id", None)
            kwargs["queryset"] = Collection.objects.filter(organization_id=shown_of)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class TagInline(RecordInline):
    model = WorkspaceTag
    fields = ("tag", "value")
    verbose_name = _("tag")
    verbose_name_plural = _("tags")

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        if db_field.name == "tag":
            shown_of: Any = getattr(request, "_organization_id", None)
            kwargs["queryset"] = Tag.objects.filter(organization_id=shown_of)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class GroupRows(RecordInline):
    """Rows that give a group access; their table offers the groups that there are."""

    read_right = "manage_access"
    template_before = "terrakube/access_groups.html"

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset: Any = super().get_formset(request, obj, **kwargs)
        formset.list_id = _GROUP_LIST
        if obj is not None and allows(request, self.read_right, obj):
            # Called by the template, so that a save does not look them up.
            formset.groups = partial(groups_to_offer, actor_of(request), scope(request), obj.organization_id)
        return formset

    def formfield_for_dbfield(self, db_field: models.Field[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "name":
            kwargs["widget"] = SuggestingInput(list_id=_GROUP_LIST)
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "name":
            field.label = _("Group")
        return field


class AccessInline(GroupRows):
    model = Access
    form = AccessForm
    fields = ("name", "role", "plan_job", "approve_job", "manage_job", "manage_workspace", "manage_state")
    verbose_name_plural = _("access for groups, in addition to the organization's teams")
