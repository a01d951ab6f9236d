"""Schedules: jobs that start at set times."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from workspaces.admin.base import AUDIT_FIELDS, AUDIT_FIELDSET, RecordAdmin, scope
from workspaces.admin.related_choices import may_be_key
from workspaces.cron_words import words_of
from workspaces.display import time_left
from workspaces.forms.schedules import PRESETS, ScheduleForm, meaning_of, shown_time
from workspaces.forms.suggestions import SuggestingInput
from workspaces.jobs.schedules import next_times
from workspaces.models import Schedule, Workspace
from workspaces.reasons import in_language
from workspaces.validation.names import time_zones

_LATER = frozenset({"runs_for", "refused"})
"""What is known of a schedule only once it is saved."""


@admin.register(Schedule)
class ScheduleAdmin(RecordAdmin):
    form = ScheduleForm
    search_help_text = _("Search by name, cron, description, workspace or template")
    empty_help = _("A schedule starts jobs from a template at set times, such as a plan every morning.")
    list_display = (
        "title",
        "in_words",
        "time_zone",
        "workspace",
        "organization",
        "template",
        "enabled",
        "due",
        "runs_for",
    )
    list_select_related = ("workspace__organization", "template")
    list_filter = ("enabled", "workspace__organization")
    search_fields = ("name", "description", "cron", "workspace__name", "template__name")
    autocomplete_fields = ("workspace",)
    readonly_fields = ("next_runs", "runs_for", "refused", *AUDIT_FIELDS)
    fieldsets = (
        (None, {"fields": ("workspace", "name", "template")}),
        (_("When it runs"), {"fields": (("cron", "time_zone"), "next_runs", "enabled", "runs_for", "refused")}),
        (_("More"), {"classes": ("collapse",), "fields": ("description", "tcl")}),
        AUDIT_FIELDSET,
    )

    class Media:
        js = ("terrakube/schedule.js",)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None:
            return super().get_fieldsets(request, obj)
        return [
            (title, {**options, "fields": tuple(name for name in options["fields"] if name not in _LATER)})
            for title, options in super().get_fieldsets(request, obj)
        ]

    # ---- list -------------------------------------------------------------------------------------------------------

    @admin.display(description=_("name"), ordering="name")
    def title(self, record: Schedule) -> str:
        return str(record)

    @admin.display(description=_("when"), ordering="cron")
    def in_words(self, record: Schedule) -> SafeString:
        return format_html('<span title="{}">{}</span>', record.cron, words_of(record.cron))

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

    @admin.display(description=_("next"), ordering="next_at")
    def due(self, record: Schedule) -> SafeString:
        return time_left(record.next_at if record.enabled else None)

    # ---- form -------------------------------------------------------------------------------------------------------

    @admin.display(description=_("next runs"))
    def next_runs(self, record: Schedule) -> str:
        meaning = meaning_of(record.cron, record.time_zone)
        return render_to_string("terrakube/schedule_when.html", {"meaning": meaning, "presets": PRESETS})

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        # The workspace decides which templates there are, so it is chosen first.
        if request.method == "GET" and self._workspace(request) is None:
            return self._choose_workspace(request)
        return super().add_view(request, form_url, extra_context)  # type: ignore[no-any-return]

    def _workspace(self, request: HttpRequest) -> Workspace | None:
        """Return the workspace that the address or a sent form names; None where it is none that the user sees."""
        key = request.GET.get("workspace") or request.POST.get("workspace")
        if not key or not may_be_key(Workspace, key):
            return None
        found: Workspace | None = Workspace.objects.alive().within(scope(request)).filter(pk=key).first()
        return found

    def _choose_workspace(self, request: HttpRequest) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        field: Any = self.formfield_for_dbfield(Schedule._meta.get_field("workspace"), request)
        form = type("WorkspaceForm", (forms.Form,), {"workspace": field})()
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Which workspace is the schedule for?"),
            "form": form,
            "media": self.media + form.media,
        }
        return TemplateResponse(request, "terrakube/schedule_workspace.html", context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        workspace = obj.workspace if obj is not None else self._workspace(request)
        request._organization_id = workspace.organization_id if workspace is not None else None  # type: ignore[attr-defined]
        form: Any = super().get_form(request, obj, change, **kwargs)
        if "workspace" in form.base_fields and workspace is not None and "workspace" in request.GET:
            # The templates are those of its organization, so it stays as it was chosen.
            form.base_fields["workspace"].initial = workspace.pk
            form.base_fields["workspace"].disabled = True
        return form

    def save_model(self, request: HttpRequest, obj: Schedule, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        due = next_times(obj, timezone.now(), 1)
        if obj.enabled and due:
            messages.info(request, gettext("The next job starts on %(time)s.") % {"time": shown_time(due[0])})

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> forms.Field | None:
        if db_field.name == "cron":
            kwargs["help_text"] = _(
                "Minutes hours days months weekdays: 30 6 * * 1-5 is 06:30 on working days. With seconds first, as "
                "Quartz has it: 0 30 6 ? * MON-FRI."
            )
        if db_field.name == "name":
            kwargs["help_text"] = _("If empty, lists show the description, or else the times.")
        if db_field.name == "time_zone":
            kwargs["widget"] = SuggestingInput(time_zones())
            kwargs["help_text"] = _("Type a city, such as Berlin.")
        if db_field.name == "tcl":
            kwargs["widget"] = UnfoldAdminTextareaWidget(attrs={"rows": 8, "class": "tk-code", "spellcheck": "false"})
        return super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[no-any-return]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field: Any = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "template" and field is not None:
            organization_id = getattr(request, "_organization_id", None)
            field.queryset = field.queryset.filter(organization_id=organization_id).defer("tcl")
        return field

    # ---- while one types --------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        preview = self.admin_site.admin_view(self.preview_view)
        return [path("preview/", preview, name="workspaces_schedule_preview"), *super().get_urls()]

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """Say what an expression means in a time zone; nothing is looked up."""
        longest = Schedule._meta.get_field("cron").max_length
        meaning = meaning_of(request.GET.get("cron", "")[:longest], request.GET.get("time_zone", "")[:64])
        return TemplateResponse(request, "terrakube/schedule_meaning.html", {"meaning": meaning})
