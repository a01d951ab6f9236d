"""Webhooks of workspaces, with the events that start jobs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models
from django.forms import ModelChoiceField
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from workspaces.admin.base import AUDIT_FIELDS, AUDIT_FIELDSET, RecordAdmin, scope
from workspaces.admin.record_rows import RecordInline
from workspaces.display import age_column
from workspaces.models import Template, Webhook, WebhookEvent


class EventInline(RecordInline):
    """What starts jobs; a row follows the template with the rights of the user who last saved it."""

    model = WebhookEvent
    fields = (
        "event", "branch", "branch_type", "path", "path_type", "template", "priority", "pr_workflow_enabled",
        "pr_apply_enabled",
    )  # fmt: skip
    verbose_name = _("event")
    verbose_name_plural = _("events")

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        if db_field.name == "template":
            shown_of: Any = getattr(request, "_organization_id", None)
            found = Template.objects.filter(organization_id=shown_of) if shown_of else Template.objects.none()
            kwargs["queryset"] = found.within(scope(request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


@admin.register(Webhook)
class WebhookAdmin(RecordAdmin):
    list_display = ("__str__", "organization", "migrated_v2", "remote_hook_id", "made")
    made = age_column("created_date", _("created"))
    list_select_related = ("workspace__organization",)
    list_filter = ("workspace__organization", "migrated_v2")
    search_fields = ("workspace__name", "workspace__source")
    search_help_text = _("Search by workspace or source")
    empty_help = _("A webhook starts jobs on a workspace when something happens in its repository.")
    autocomplete_fields = ("workspace",)
    readonly_fields = ("remote_hook_id", *AUDIT_FIELDS)
    inlines = (EventInline,)
    shows_more_once_saved = True
    add_fieldsets = (
        (
            None,
            {
                "description": _("After saving, choose the events that start jobs."),
                "fields": ("workspace", "migrated_v2"),
            },
        ),
    )
    fieldsets = ((None, {"fields": ("workspace", "migrated_v2", "remote_hook_id")}), AUDIT_FIELDSET)

    @admin.display(description=_("organization"), ordering="workspace__organization__name")
    def organization(self, record: Webhook) -> str:
        return record.workspace.organization.name

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        request._organization_id = obj.workspace.organization_id if obj is not None else None  # type: ignore[attr-defined]
        return super().get_form(request, obj, change, **kwargs)

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        # The templates to choose from are those of the workspace's organization.
        return self.inlines if obj is not None else ()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"migrated_v2": True, **super().get_changeform_initial_data(request)}
