"""State versions of workspaces: where each came from, what is in it, and the way back to it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from terrakube_site.visible import visible
from workspaces.admin.base import AUDIT_FIELDS, ReadOnly, RecordAdmin, actor_of, allows, telling
from workspaces.admin.state_pages import shown_content
from workspaces.choices import StateOrigin
from workspaces.display import file_size, moment
from workspaces.models import StateVersion
from workspaces.services.state import RIGHT, current_state, required_reason
from workspaces.services.state_rollback import roll_back_state

_RESOURCES = 500


def origin_of(version: StateVersion) -> SafeString:
    """Say how a version came to be, with a link to its job and the reason that a user gave."""
    parts: list[str] = []
    if version.copied_number is not None:
        parts.append(gettext("Rollback to version %(number)d") % {"number": version.copied_number})
    elif version.origin and (version.origin != StateOrigin.JOB or version.job_id is None):
        parts.append(version.get_origin_display())
    if version.job_id is not None:
        address = reverse("admin:workspaces_job_change", args=[version.job_id])
        parts.append(format_html('<a href="{}">{} #{}</a>', address, gettext("Job"), version.job_id))
    found = format_html_join(" ", "{}", ((part,) for part in parts or ["–"]))
    if not version.reason:
        return found
    return format_html('{}: <span class="tk-reason">{}</span>', found, visible(version.reason))


@admin.register(StateVersion)
class StateVersionAdmin(ReadOnly, RecordAdmin):
    why_no_history = _("A state version has no history: a step, an upload or a rollback writes it once.")
    change_form_template = "terrakube/state_version.html"
    list_display = (
        "__str__",
        "workspace",
        "organization",
        "serial",
        "came_from",
        "resource_count",
        "created_by",
        "created",
    )
    list_select_related = ("workspace__organization",)
    list_filter = ("workspace__organization", "origin")
    search_fields = ("workspace__name", "lineage", "=job__id")
    search_help_text = _("Search by workspace, lineage or job number")
    empty_help = _("Each apply writes the next version of its workspace's state.")
    ordering = ("-created_date",)
    fields = readonly_fields = (
        "workspace", "number", "serial", "lineage", "md5", "shown_size", "resource_count", "came_from", *AUDIT_FIELDS,
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("content", "json")

    @admin.display(description=_("organization"), ordering="workspace__organization__name")
    def organization(self, record: StateVersion) -> str:
        return str(record.workspace.organization)

    @admin.display(description=_("size"), ordering="size")
    def shown_size(self, record: StateVersion) -> str:
        return file_size(record.size)

    @admin.display(description=_("origin"), ordering="job_id")
    def came_from(self, record: StateVersion) -> SafeString:
        return origin_of(record)

    @admin.display(description=_("written"), ordering="created_date")
    def created(self, record: StateVersion) -> SafeString:
        return moment(record.created_date)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        version = self.get_object(request, object_id)
        context = self._context(request, version) if isinstance(version, StateVersion) else {}
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})  # type: ignore[no-any-return]

    def _context(self, request: HttpRequest, version: StateVersion) -> dict[str, Any]:
        may_manage = allows(request, RIGHT, version.workspace)
        shown, problem = shown_content(version) if may_manage else (None, "")
        current = version.workspace.state_versions.only("number").order_by("-number").first()
        resources = shown.resources if shown is not None else ()
        return {
            "may_manage": may_manage,
            "may_roll_back": may_manage and not version.workspace.deleted,
            "current": current,
            "is_current": current is not None and current.pk == version.pk,
            "shown": shown,
            "problem": problem,
            "resources": resources[:_RESOURCES],
            "more_resources": max(len(resources) - _RESOURCES, 0),
        }

    # ---- what is done with one --------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        def own(route: str, view: Any, name: str) -> Any:
            return path(route, self.admin_site.admin_view(view), name=f"workspaces_stateversion_{name}")

        return [
            own("<uuid:pk>/download/", self.download_view, "download"),
            own("<uuid:pk>/roll-back/", require_POST(self.roll_back_view), "roll_back"),
            *super().get_urls(),
        ]

    def _visible(self, request: HttpRequest, pk: Any) -> StateVersion:
        found: StateVersion | None = self.get_queryset(request).filter(pk=pk).first()
        if found is None:
            raise Http404(gettext("State not found."))
        return found

    def download_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        version = self._visible(request, pk)
        if not allows(request, RIGHT, version.workspace):
            raise PermissionDenied
        if version.content is None:
            messages.error(
                request, gettext("State %(number)d cannot be read from storage.") % {"number": version.number}
            )
            return HttpResponseRedirect(reverse("admin:workspaces_stateversion_change", args=[version.pk]))
        headers = {"Content-Disposition": f'attachment; filename="state-{version.number}.tfstate"'}
        return HttpResponse(version.content, content_type="application/octet-stream", headers=headers)

    def roll_back_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        version = self._visible(request, pk)
        done = gettext("%(name)s is rolled back to version %(number)d.") % {
            "name": version.workspace.name,
            "number": version.number,
        }
        with telling(request, done):
            roll_back_state(version, by=actor_of(request), reason=required_reason(request.POST.get("reason", "")))
        current = current_state(version.workspace)
        shown = version.pk if current is None else current.pk
        return HttpResponseRedirect(reverse("admin:workspaces_stateversion_change", args=[shown]))
