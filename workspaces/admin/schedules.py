"""Schedules: jobs that start by the clock."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from workspaces.admin.base import AUDIT_FIELDS, AUDIT_FIELDSET, RecordAdmin
from workspaces.models import Schedule
from workspaces.shown import until


@admin.register(Schedule)
class ScheduleAdmin(RecordAdmin):
    search_help_text = _("Search by cron, description, workspace or template")
    empty_help = _("A schedule starts jobs of a template by the clock, such as a plan every morning.")
    list_display = ("cron", "workspace", "organization", "template", "enabled", "due", "description")
    list_select_related = ("workspace__organization", "template")
    list_filter = ("enabled", "workspace__organization")
    search_fields = ("description", "cron", "workspace__name", "template__name")
    autocomplete_fields = ("workspace",)
    readonly_fields = ("next_at", *AUDIT_FIELDS)
    fieldsets = (
        (None, {"fields": ("workspace", "cron", "enabled", "next_at", "description")}),
        (_("What it runs"), {"fields": ("template", "tcl")}),
        AUDIT_FIELDSET,
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        (title, options), *rest = super().get_fieldsets(request, obj)
        if obj is None:
            # When it is due is worked out once it is there.
            options = {**options, "fields": tuple(name for name in options["fields"] if name != "next_at")}
        return [(title, options), *rest]

    @admin.display(description=_("organization"), ordering="workspace__organization__name")
    def organization(self, record: Schedule) -> str:
        return str(record.workspace.organization)

    @admin.display(description=_("next"), ordering="next_at")
    def due(self, record: Schedule) -> SafeString:
        return until(record.next_at if record.enabled else None)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> forms.Field | None:
        if db_field.name == "cron":
            kwargs["help_text"] = _(
                "Seconds minutes hours days months weekdays [years], in UTC, as Quartz has them: "
                "0 30 6 * * ? is every day at 06:30."
            )
        if db_field.name == "tcl":
            kwargs["widget"] = UnfoldAdminTextareaWidget(attrs={"rows": 8, "class": "tk-code", "spellcheck": "false"})
        return super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[no-any-return]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field: Any = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "template" and field is not None:
            # Templates of several organizations often have the same name.
            field.queryset = field.queryset.select_related("organization").defer("tcl")
            field.label_from_instance = lambda template: f"{template.name} ({template.organization.name})"
        return field
