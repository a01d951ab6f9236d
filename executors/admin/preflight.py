"""Page of a workspace's preflight: its newest findings, and a button to look again."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from executors.models import PreflightRun
from executors.preflight.runs import findings_of, is_going, request_run
from executors.preflight.table import Severity
from workspaces.admin.base import actor_of, allows, telling
from workspaces.admin.workspaces import WorkspaceAdmin

_TONES = {Severity.ERROR: "bad", Severity.WARNING: "attention", Severity.NOTE: "quiet"}
_REFRESH_SECONDS = 2


def preflight_view(page: WorkspaceAdmin, request: HttpRequest, pk: Any) -> HttpResponse:
    """Show the newest run; a POST asks for another, which goes on in the background."""
    workspace = page.visible(request, pk)
    if request.method == "POST":
        with telling(request):
            request_run(workspace, by=actor_of(request))
        return HttpResponseRedirect(request.path)
    run = PreflightRun.objects.filter(workspace=workspace).first()
    going = is_going(run)
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "title": _("Preflight of %(workspace)s") % {"workspace": workspace.shown_name},
        "workspace": workspace,
        "original": workspace,
        "run": run,
        "going": going,
        "seconds": _REFRESH_SECONDS,
        "lost": run is not None and run.finished_at is None and not going,
        "rows": [(one, _(one.severity), _TONES[one.severity]) for one in findings_of(run)] if run is not None else [],
        "may_ask": allows(request, "plan_job", workspace) and not workspace.deleted,
    }
    return TemplateResponse(request, "terrakube/preflight.html", context)
