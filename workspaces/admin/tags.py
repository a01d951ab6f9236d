"""Tags of an organization."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from workspaces.admin.base import AUDIT_FIELDS, AUDIT_FIELDSET, RecordAdmin
from workspaces.display import age_column
from workspaces.models import Tag


@admin.register(Tag)
class TagAdmin(RecordAdmin):
    list_display = ("name", "organization", "created_by", "made")
    made = age_column("created_date", _("created"))
    search_help_text = _("Search by name")
    empty_help = _("Tags group workspaces; clients select workspaces by them.")
    list_select_related = ("organization",)
    list_filter = ("organization",)
    search_fields = ("name",)
    autocomplete_fields = ("organization",)
    readonly_fields = AUDIT_FIELDS
    fieldsets = ((None, {"fields": ("organization", "name")}), AUDIT_FIELDSET)
