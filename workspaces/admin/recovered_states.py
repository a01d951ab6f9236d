"""Recovered states: why the site refused them, and what users do with them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from terrakube_site.theme.markup import format_html
from workspaces.admin.base import AUDIT_FIELDS, ReadOnly, RecordAdmin, actor_of, allows, scope, telling
from workspaces.display import age_column, file_size
from workspaces.models import Job, RecoveredState, Workspace
from workspaces.reasons import in_language
from workspaces.services.recovered_states import discard_recovered_state, make_recovered_state_current
from workspaces.services.state import RIGHT


@admin.register(RecoveredState)
class RecoveredStateAdmin(ReadOnly, RecordAdmin):
    why_no_history = _("A recovered state has no history: the site writes it when it refuses the state of a step.")
    change_form_template = "terrakube/recovered_state.html"
    list_display = ("__str__", "workspace", "job_link", "reason", "kept")
    kept = age_column("created_date", _("created"))
    list_select_related = ("workspace__organization",)
    list_filter = ("workspace__organization",)
    search_fields = ("workspace__name", "lineage", "=job__id")
    search_help_text = _("Search by workspace, lineage or job number")
    empty_help = _("A refused state stays here until a user makes it current or discards it.")
    fields = readonly_fields = ("workspace", "job", "reason", "serial", "lineage", "md5", "shown_size", *AUDIT_FIELDS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request).defer("content")
        seen = scope(request)
        # Its manager knows no visibility of its own.
        return found if seen.everything else found.filter(workspace__in=Workspace.objects.within(seen).values("pk"))

    @admin.display(description=_("job"), ordering="job")
    def job_link(self, record: RecoveredState) -> SafeString | str:
        if record.job_id is None:
            return "–"
        address = reverse("admin:workspaces_job_change", args=[record.job_id])
        return format_html('<a href="{}">#{}</a>', address, record.job_id)

    @admin.display(description=_("why"))
    def reason(self, record: RecoveredState) -> str:
        return in_language(record.refusal)

    @admin.display(description=_("size"), ordering="size")
    def shown_size(self, record: RecoveredState) -> str:
        return file_size(record.size)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        recovered = self.get_object(request, object_id)
        may = recovered is not None and allows(request, RIGHT, recovered.workspace)
        context = {"may_decide": may, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)  # type: ignore[no-any-return]

    # ---- what is done with one --------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        def own(route: str, view: Any, name: str) -> Any:
            return path(route, self.admin_site.admin_view(view), name=f"workspaces_recoveredstate_{name}")

        return [
            own("<uuid:pk>/current/", require_POST(self.current_view), "current"),
            own("<uuid:pk>/discard/", require_POST(self.discard_view), "discard"),
            own("<uuid:pk>/download/", self.download_view, "download"),
            *super().get_urls(),
        ]

    def _visible(self, request: HttpRequest, pk: Any) -> RecoveredState:
        found: RecoveredState | None = self.get_queryset(request).filter(pk=pk).first()
        if found is None:
            raise Http404(gettext("Recovered state not found."))
        return found

    def _back(self, recovered: RecoveredState) -> HttpResponseRedirect:
        if RecoveredState.objects.filter(pk=recovered.pk).exists():
            return HttpResponseRedirect(reverse("admin:workspaces_recoveredstate_change", args=[recovered.pk]))
        return HttpResponseRedirect(reverse("admin:workspaces_workspace_overview", args=[recovered.workspace_id]))

    def current_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        recovered = self._visible(request, pk)
        done = gettext("The recovered state is now the current state of %(name)s.") % {"name": recovered.workspace.name}
        with telling(request, done):
            make_recovered_state_current(recovered, by=actor_of(request), reason=request.POST.get("reason", ""))
        return self._back(recovered)

    def discard_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        recovered = self._visible(request, pk)
        with telling(request, gettext("The recovered state was discarded.")):
            discard_recovered_state(recovered, by=actor_of(request), reason=request.POST.get("reason", ""))
        return self._back(recovered)

    def download_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        recovered = self._visible(request, pk)
        if not allows(request, RIGHT, recovered.workspace):
            raise PermissionDenied
        name = f"recovered-{recovered.serial}.tfstate"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return HttpResponse(recovered.content, content_type="application/octet-stream", headers=headers)


def recovered_states(of: Workspace | Job) -> QuerySet[RecoveredState]:
    """Return the recovered states of a workspace, or those of one job, without their content."""
    found: QuerySet[RecoveredState] = of.recovered_states.defer("content").order_by("-created_date")
    return found
