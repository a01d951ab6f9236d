"""Rows on a workspace's pages: the collections it uses, its tags, and the accesses to it."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.forms import ModelChoiceField
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from workspaces.admin.base import RecordInline
from workspaces.forms.roles import AccessForm
from workspaces.models import Access, Collection, Reference, Tag, WorkspaceTag


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
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[no-any-return]


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
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[no-any-return]


class AccessInline(RecordInline):
    model = Access
    form = AccessForm
    read_right = "manage_access"
    fields = ("name", "role", "plan_job", "approve_job", "manage_job", "manage_workspace", "manage_state")
    verbose_name_plural = _("access for groups, in addition to the organization's teams")
