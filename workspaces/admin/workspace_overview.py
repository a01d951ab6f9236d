"""A workspace's first page, which says what it does and what it waits for, and the page of its jobs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from django.contrib.admin import AdminSite
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.http import require_GET

from workspaces.admin.addition import Addition
from workspaces.admin.base import actor_of, allows, scope
from workspaces.admin.drift_pages import drift_shown
from workspaces.admin.jobs import span_of
from workspaces.admin.recovered_states import recovered_states
from workspaces.admin.workspace_tabs import head_context
from workspaces.choices import JobStatus
from workspaces.display import first_and_rest
from workspaces.forms.ephemeral import title_of
from workspaces.jobs import capacity
from workspaces.models import Access, Job, ProjectAccess, StateLock, Team, Workspace
from workspaces.permissions import rights_given_by
from workspaces.services.locks import is_locked_by, owner_of
from workspaces.variables.pod_settings import settings_of

RECENT_JOBS = 5
_OPEN_JOBS = 3
_OF_A_PAGE = 50
_SHORT: tuple[tuple[str, Any], ...] = (
    ("plan_job", gettext_lazy("Start plans")),
    ("approve_job", gettext_lazy("Approve and apply")),
    ("manage_workspace", gettext_lazy("Change variables and settings")),
    ("manage_state", gettext_lazy("Manage states")),
)
"""The rights that the overview names, in a user's words."""


class WorkspacePages(Protocol):
    """What these pages need of the pages of workspaces."""

    admin_site: AdminSite
    opts: Any
    addition: Addition

    def visible(self, request: HttpRequest, pk: Any) -> Workspace: ...


@dataclass(frozen=True, slots=True)
class Allowed:
    """One right on a workspace: the groups that have it, and whether the reader is one of those who do."""

    title: str
    groups: str
    own: bool


def urls(page: WorkspacePages) -> list[URLPattern]:
    """Return the addresses of these pages."""

    def own(route: str, view: Any, name: str) -> Any:
        shown = page.admin_site.admin_view(require_GET(partial(view, page)))
        return path(route, shown, name=f"workspaces_workspace_{name}")

    return [own("<uuid:pk>/", _overview, "overview"), own("<uuid:pk>/jobs/", _jobs, "jobs")]


def allowed_to(request: HttpRequest, workspace: Workspace) -> list[Allowed]:
    """Return who may do what on a workspace, as far as the reader may see the teams and accesses; three queries."""
    seen, project = scope(request), workspace.project_id
    grants: list[Team | Access | ProjectAccess] = [
        *Team.objects.within(seen).filter(organization=workspace.organization_id).order_by("name"),
        *Access.objects.within(seen).filter(workspace=workspace),
        *(ProjectAccess.objects.within(seen).filter(project=project) if project is not None else ()),
    ]
    given = [(grant.name, rights_given_by(grant)) for grant in grants]
    # Only an administrator sees every team, and so knows that there is none.
    otherwise = gettext("Administrators only") if seen.everything else ""
    return [
        Allowed(
            str(title),
            _names(name for name, has in given if has[right]) or otherwise,
            allows(request, right, workspace),
        )
        for right, title in _SHORT
    ]


def _names(names: Iterable[str]) -> str:
    return first_and_rest(list(dict.fromkeys(names)), most=4)


def _overview(page: WorkspacePages, request: HttpRequest, pk: Any) -> HttpResponse:
    workspace = page.visible(request, pk)
    settings = settings_of([workspace])[workspace.pk]
    own = settings.overridden(page.addition.executor_defaults()) if settings.placement.ephemeral else []
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        **head_context(request, workspace, "overview", refusals=settings.refusals),
        "open_jobs": _open_jobs(workspace),
        "recent_jobs": _listed(workspace)[:RECENT_JOBS],
        "state": workspace.state_versions.only("number", "serial", "created_date", "created_by", "job_id").first(),
        "state_lock": StateLock.objects.filter(workspace=workspace).first(),
        "recovered_states": recovered_states(workspace),
        "lock_owner": owner_of(workspace) if workspace.locked else None,
        "unlocks_by_force": workspace.locked and not is_locked_by(workspace, actor_of(request)),
        "drift": drift_shown(request, workspace),
        "placement": settings.placement,
        "own_settings": first_and_rest([title_of(one.setting) for one in own]),
        "newest_source": newest_source(workspace),
        "allowed": allowed_to(request, workspace),
        **page.addition.overview_context(request, workspace),
    }
    return TemplateResponse(request, "terrakube/workspace_overview.html", context)


def newest_source(workspace: Workspace) -> Any:
    """Return the source that was uploaded last, without its content; None for one of git, or before an upload."""
    if not workspace.uploaded_source:
        return None
    return workspace.configuration_versions.defer("content").exclude(content=None).first()


def _listed(workspace: Workspace) -> Any:
    return workspace.jobs.filter(hidden=False).select_related("template").defer("tcl", "template__tcl").order_by("-pk")


def _open_jobs(workspace: Workspace) -> list[Job]:
    """Return the first unfinished jobs: those that wait for a person, then the oldest."""
    found = list(_listed(workspace).unfinished().order_by("pk")[: 10 * _OPEN_JOBS])
    found.sort(key=lambda job: (job.status != JobStatus.WAITING_APPROVAL, job.pk))
    shown = found[:_OPEN_JOBS]
    capacity.note_places(shown)
    return shown


def _jobs(page: WorkspacePages, request: HttpRequest, pk: Any) -> HttpResponse:
    workspace = page.visible(request, pk)
    shown = Paginator(_listed(workspace), _OF_A_PAGE).get_page(request.GET.get("page"))
    rows = list(shown)
    capacity.note_places(rows)
    for job in rows:
        job.span = span_of(job)
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        **head_context(request, workspace, "jobs"),
        "jobs": rows,
        "shown": shown,
    }
    return TemplateResponse(request, "terrakube/workspace_jobs.html", context)
