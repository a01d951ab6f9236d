"""Tags of an organization."""

from __future__ import annotations

from django.contrib import admin

from workspaces.admin.base import AUDIT_FIELDS, AUDIT_FIELDSET, RecordAdmin
from workspaces.models import Tag


@admin.register(Tag)
class TagAdmin(RecordAdmin):
    list_display = ("name", "organization", "created_by", "created_date")
    list_select_related = ("organization",)
    list_filter = ("organization",)
    search_fields = ("name",)
    autocomplete_fields = ("organization",)
    readonly_fields = AUDIT_FIELDS
    fieldsets = ((None, {"fields": ("organization", "name")}), AUDIT_FIELDSET)
