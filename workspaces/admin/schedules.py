"""Schedules: jobs that start at set times."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from workspaces.admin.base import AUDIT_FIELDS, AUDIT_FIELDSET, RecordAdmin
from workspaces.display import time_left
from workspaces.jobs.schedules import next_times
from workspaces.models import Schedule
from workspaces.reasons import in_language


@admin.register(Schedule)
class ScheduleAdmin(RecordAdmin):
    search_help_text = _("Search by cron, description, workspace or template")
    empty_help = _("A schedule starts jobs from a template at set times, such as a plan every morning.")
    list_display = (
        "cron",
        "time_zone",
        "workspace",
        "organization",
        "template",
        "enabled",
        "due",
        "runs_for",
        "description",
    )
    list_select_related = ("workspace__organization", "template")
    list_filter = ("enabled", "workspace__organization")
    search_fields = ("description", "cron", "workspace__name", "template__name")
    autocomplete_fields = ("workspace",)
    readonly_fields = ("next_three", "runs_for", "refused", *AUDIT_FIELDS)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "workspace",
                    "cron",
                    "time_zone",
                    "enabled",
                    "next_three",
                    "runs_for",
                    "refused",
                    "description",
                )
            },
        ),
        (_("What it runs"), {"fields": ("template", "tcl")}),
        AUDIT_FIELDSET,
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        (title, options), *rest = super().get_fieldsets(request, obj)
        if obj is None:
            # The next time and the owner are set once it is saved.
            later = {"next_three", "runs_for", "refused"}
            options = {**options, "fields": tuple(name for name in options["fields"] if name not in later)}
        return [(title, options), *rest]

    @admin.display(description=_("organization"), ordering="workspace__organization__name")
    def organization(self, record: Schedule) -> str:
        return str(record.workspace.organization)

    @admin.display(description=_("runs with the rights of"))
    def runs_for(self, record: Schedule) -> SafeString | str:
        who = gettext("the site") if record.acts_for_site else record.acts_for_name or gettext("unknown user")
        if not record.refusal:
            return who
        refused = '{} <span class="tk-badge tk-bad" title="{}">{}</span>'
        return format_html(refused, who, in_language(record.why_refused), gettext("Last start refused"))

    @admin.display(description=_("why the last start was refused"))
    def refused(self, record: Schedule) -> str:
        return in_language(record.why_refused) or "–"

    @admin.display(description=_("next three times"))
    def next_three(self, record: Schedule) -> SafeString | str:
        times = next_times(record, timezone.now(), 3) if record.enabled else []
        return (
            format_html_join("", "<div>{} {}</div>", ((date_format(t, "D Y-m-d H:i"), t.tzname()) for t in times))
            or "–"
        )

    @admin.display(description=_("next"), ordering="next_at")
    def due(self, record: Schedule) -> SafeString:
        return time_left(record.next_at if record.enabled else None)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> forms.Field | None:
        if db_field.name == "cron":
            kwargs["help_text"] = _(
                "Minutes hours days months weekdays: 30 6 * * 1-5 is 06:30 on working days. With seconds first, as "
                "Quartz has it: 0 30 6 ? * MON-FRI."
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
