"""State versions of workspaces: their number and author, never their content."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from workspaces.admin.base import AUDIT_FIELDS, ReadOnly, RecordAdmin, scope
from workspaces.display import moment
from workspaces.models import StateVersion, Workspace


@admin.register(StateVersion)
class StateVersionAdmin(ReadOnly, RecordAdmin):
    list_display = ("__str__", "workspace", "organization", "serial", "written_by", "created_by", "created")
    list_select_related = ("workspace__organization",)
    list_filter = ("workspace__organization",)
    search_fields = ("workspace__name", "lineage", "=job__id")
    search_help_text = _("Search by workspace, lineage or job number")
    ordering = ("-created_date",)
    fields = readonly_fields = ("workspace", "number", "serial", "lineage", "md5", "job", *AUDIT_FIELDS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request).defer("content", "json")
        seen = scope(request)
        # Its manager knows no visibility of its own.
        return found if seen.everything else found.filter(workspace__in=Workspace.objects.within(seen).values("pk"))

    @admin.display(description=_("organization"), ordering="workspace__organization__name")
    def organization(self, record: StateVersion) -> str:
        return str(record.workspace.organization)

    @admin.display(description=_("job"), ordering="job_id")
    def written_by(self, record: StateVersion) -> SafeString | str:
        if record.job_id is None:
            return "–"
        return format_html(
            '<a href="{}">#{}</a>', reverse("admin:workspaces_job_change", args=[record.job_id]), record.job_id
        )

    @admin.display(description=_("written"), ordering="created_date")
    def created(self, record: StateVersion) -> SafeString:
        return moment(record.created_date)
