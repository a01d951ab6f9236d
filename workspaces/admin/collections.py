"""Collections, with their items and the workspaces that use them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from workspaces.admin.base import AUDIT_FIELDS, AUDIT_FIELDSET, RecordAdmin
from workspaces.admin.record_rows import RecordInline
from workspaces.admin.variables import ShowsValue
from workspaces.forms.variables import VariableForm
from workspaces.models import Collection, Item, Reference
from workspaces.querysets import related_count


class ItemInline(ShowsValue, RecordInline):
    model = Item
    form = VariableForm
    fields = ("key", "value", "category", "sensitive", "hcl", "description")


class ReferenceInline(RecordInline):
    model = Reference
    fields = ("workspace", "description")
    autocomplete_fields = ("workspace",)
    ordering = ("workspace__name", "pk")
    per_page = 50
    verbose_name = _("workspace")
    verbose_name_plural = _("workspaces that use it")


@admin.register(Collection)
class CollectionAdmin(RecordAdmin):
    list_display = ("name", "organization", "priority", "item_count", "workspace_count", "description")
    list_select_related = ("organization",)
    list_filter = ("organization",)
    empty_help = _("A collection is a set of variables that many workspaces use.")
    search_fields = ("name", "description", "organization__name")
    autocomplete_fields = ("organization",)
    readonly_fields = AUDIT_FIELDS
    inlines = (ItemInline, ReferenceInline)
    fieldsets = (
        (None, {"fields": ("organization", "name", "priority", "description")}),
        AUDIT_FIELDSET,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request)
        counted: QuerySet[Any] = found.annotate(
            items_all=related_count(Item, "collection"), references_all=related_count(Reference, "collection")
        )
        return counted

    @admin.display(description=_("items"), ordering="items_all")
    def item_count(self, record: Any) -> int:
        return int(record.items_all)

    @admin.display(description=_("workspaces"), ordering="references_all")
    def workspace_count(self, record: Any) -> int:
        return int(record.references_all)
