"""Drift on pages: of all workspaces that a user may see, and the part of one workspace's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from workspaces.admin.base import actor_of, allows, scope, telling
from workspaces.choices import DriftStatus
from workspaces.jobs.drift_findings import DriftedResource, stored_resources
from workspaces.models import Drift, Workspace
from workspaces.permissions import workspaces_with_right
from workspaces.services.drift_checks import checked_workspaces
from workspaces.services.drift_repair import bring_back

NEVER = "never"
_OF_A_PAGE = 50
_RESOURCES = 20
_TONES = {DriftStatus.CLEAN: "good", DriftStatus.DRIFTED: "attention", DriftStatus.FAILED: "bad"}
_COLUMNS = (
    gettext_lazy("Workspace"),
    gettext_lazy("Drift"),
    gettext_lazy("Since"),
    gettext_lazy("Resources"),
    gettext_lazy("Last check"),
    gettext_lazy("Last clean plan"),
    gettext_lazy("Checks"),
    gettext_lazy("Action"),
)
_FILTERS = (
    ("", gettext_lazy("All")),
    (str(DriftStatus.DRIFTED), DriftStatus.DRIFTED.label),
    (str(DriftStatus.CLEAN), DriftStatus.CLEAN.label),
    (NEVER, gettext_lazy("Never checked")),
    (str(DriftStatus.FAILED), DriftStatus.FAILED.label),
)


class WorkspacePages(Protocol):
    """What these pages need of the pages of workspaces."""

    admin_site: AdminSite
    opts: Any

    def visible(self, request: HttpRequest, pk: Any) -> Workspace: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownDrift:
    """What a page says of a workspace's drift; ``record`` is None for one that was never checked.

    ``hours`` is the interval of its checks, None where they are off. ``resources`` are the first, of which ``more`` are
    left out.
    """

    workspace: Workspace
    record: Drift | None
    hours: int | None
    may_bring_back: bool
    resources: Sequence[DriftedResource] = ()
    more: int = 0

    @property
    def label(self) -> str:
        """Return the status for users."""
        status = self.record.status if self.record is not None else ""
        return str(DriftStatus(status).label) if status else gettext("Never checked")

    @property
    def tone(self) -> str:
        status = self.record.status if self.record is not None else ""
        return _TONES[DriftStatus(status)] if status else "quiet"

    @property
    def has_drift(self) -> bool:
        """Return whether drift is known: also while the newest check failed."""
        return self.record is not None and self.record.drifted_since is not None

    @property
    def has_failed(self) -> bool:
        return self.record is not None and self.record.status == DriftStatus.FAILED


def drift_shown(request: HttpRequest, workspace: Workspace) -> ShownDrift:
    """Return what ``terrakube/drift_of_workspace.html`` shows as ``drift``. Two queries besides those of rights."""
    settings = checked_workspaces().filter(pk=workspace.pk).values_list("drift_on", "drift_hours").get()
    record = Drift.objects.filter(workspace=workspace).select_related("result_job").defer("result_job__tcl").first()
    return _shown(workspace, record, settings, may_start=allows(request, "plan_job", workspace))


def _shown(workspace: Workspace, record: Drift | None, settings: tuple[bool, int], *, may_start: bool) -> ShownDrift:
    rows = stored_resources(record.resources[:_RESOURCES]) if record is not None else []
    known = record is not None and record.drifted_since is not None
    return ShownDrift(
        workspace=workspace,
        record=record,
        hours=settings[1] if settings[0] else None,
        may_bring_back=known and may_start and not workspace.deleted,
        resources=rows,
        more=record.resource_count - len(rows) if record is not None else 0,
    )


def urls(page: WorkspacePages) -> list[URLPattern]:
    """Return the addresses of these pages, below those of workspaces."""

    def own(route: str, view: Any, name: str) -> Any:
        return path(route, page.admin_site.admin_view(view), name=f"workspaces_workspace_{name}")

    return [
        own("drift/", require_GET(partial(_list_view, page)), "drift"),
        own("<uuid:pk>/bring-back/", require_POST(partial(_bring_back_view, page)), "bring_back"),
    ]


def _of_status(status: str) -> Q:
    if status == NEVER:
        return Q(drift=None) | Q(drift__status="")
    return Q(drift__status=status) if status in DriftStatus.values else Q()


def _list_view(page: WorkspacePages, request: HttpRequest) -> HttpResponse:
    asked = request.GET.get("status", "")
    status = asked if asked in dict(_FILTERS) else ""
    seen = Workspace.objects.within(scope(request)).alive()
    counts: dict[str, int] = {}
    for key, number in seen.order_by().values_list("drift__status").annotate(number=Count("pk")):
        counts[key or NEVER] = counts.get(key or NEVER, 0) + number
    # The keys alone are put in order: with all that a row shows, the database would sort much more.
    keys = Paginator(seen.filter(_of_status(status)).order_by("name", "pk").values_list("pk", flat=True), _OF_A_PAGE)
    # Counted already.
    keys.count = counts.get(status, 0) if status else sum(counts.values())
    shown = keys.get_page(request.GET.get("page"))
    details = checked_workspaces().filter(pk__in=list(shown)).select_related("organization", "drift__result_job")
    rows = list(details.defer("drift__result_job__tcl").order_by("name", "pk"))
    allowed = workspaces_with_right(actor_of(request), rows, "plan_job")
    found = [
        _shown(
            row,
            getattr(row, "drift", None),
            (row.drift_on, row.drift_hours),
            may_start=row.pk in allowed,
        )
        for row in rows
    ]
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "title": gettext("Drift"),
        "shown": shown,
        "columns": tuple(str(name) for name in _COLUMNS),
        "rows": found,
        "any_checked": any(row.hours is not None for row in found),
        "status": status,
        "filters": [(key, name, counts.get(key, 0) if key else sum(counts.values())) for key, name in _FILTERS],
        "total": sum(counts.values()),
    }
    return TemplateResponse(request, "terrakube/drift.html", context)


def _bring_back_view(page: WorkspacePages, request: HttpRequest, pk: Any) -> HttpResponse:
    workspace = page.visible(request, pk)
    shown = reverse("admin:workspaces_workspace_overview", args=[workspace.pk])
    with telling(request):
        job = bring_back(workspace, by=actor_of(request))
        messages.success(request, gettext("Job %(number)d was started.") % {"number": job.pk})
        shown = reverse("admin:workspaces_job_change", args=[job.pk])
    return HttpResponseRedirect(shown)
