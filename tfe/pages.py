"""The addresses that terraform and tofu print for people: they lead to the pages of the panel, which ask to sign in."""

from __future__ import annotations

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from rest_framework.exceptions import NotFound

from tfe.lookup import number_of, workspace_named


@require_safe
def run(request: HttpRequest, organization_name: str, workspace_name: str, run_id: str) -> HttpResponseBase:
    """Lead to the page of a run's job, which tells nothing to who may not see it."""
    try:
        number = number_of(run_id, "run-")
    except NotFound:
        raise Http404(_("Job not found.")) from None
    return HttpResponseRedirect(reverse("admin:workspaces_job_change", args=[number]))


@require_safe
def workspace(request: HttpRequest, organization_name: str, workspace_name: str) -> HttpResponseBase:
    """Lead to the page of a workspace; only who has signed in learns whether there is one."""
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path(), reverse("admin:login"))
    try:
        found = workspace_named(request.user, organization_name, workspace_name)
    except NotFound:
        raise Http404(_("Workspace not found.")) from None
    return HttpResponseRedirect(reverse("admin:workspaces_workspace_overview", args=[found.pk]))


app_name = "tfe-pages"
urlpatterns = [
    path("<str:organization_name>/<str:workspace_name>/runs/<str:run_id>", run),
    path("<str:organization_name>/workspaces/<str:workspace_name>", workspace),
    path("<str:organization_name>/workspaces/<str:workspace_name>/runs/<str:run_id>", run),
]
