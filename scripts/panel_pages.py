"""The address of every page of the panel, by the name of its picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.auth.models import User
from django.test import RequestFactory
from django.urls import reverse

from workspaces.admin.workspace_tabs import FORM_TABS

if TYPE_CHECKING:
    from scripts.sample_data import Sample

# These have pages of their own in place of the forms of a record.
_OWN_PAGES = {"job", "workspace"}
# What terraform login sends.
_TERMINAL = {
    "client_id": "terraform-cli",
    "response_type": "code",
    "redirect_uri": "http://localhost:10000/login",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
    "state": "af0ifjsldkj",
}


def pages(sample: Sample) -> dict[str, str]:
    """Return the address of each page of the sample, by the name of its picture."""
    found = {"overview": reverse("admin:index")}
    found |= dict(_of_models())
    found["workspaces"] = found.pop("list-workspace")
    found["jobs"] = found.pop("list-job")
    for name, job in sample.jobs.items():
        found[f"job-{name}"] = reverse("admin:workspaces_job_change", args=[job.pk])
    found["job-compare"] = reverse("admin:workspaces_job_compare", args=[sample.jobs["waiting-approval"].pk])
    network = sample.workspaces["network"]
    sandbox = sample.workspaces["sandbox"]
    found["workspace"] = reverse("admin:workspaces_workspace_overview", args=[network.pk])
    found["workspace-refused"] = reverse("admin:workspaces_workspace_overview", args=[sandbox.pk])
    for tab in ("jobs", *FORM_TABS):
        found[f"workspace-{tab}"] = reverse(f"admin:workspaces_workspace_{tab}", args=[network.pk])
    for state, name in (("drifted", "clusters"), ("locked", "warehouse"), ("failed", "api"), ("from-git", "dns")):
        found[f"workspace-{state}"] = reverse("admin:workspaces_workspace_overview", args=[sample.workspaces[name].pk])
    deleted = sample.workspaces["deleted"]
    found["workspace-deleted"] = reverse("admin:workspaces_workspace_overview", args=[deleted.pk])
    found["workspace-source-git"] = reverse("admin:workspaces_workspace_source", args=[sample.workspaces["dns"].pk])
    found["workspace-who-may"] = reverse("admin:workspaces_workspace_who_may", args=[network.pk])
    found["workspace-jobs-empty"] = reverse("admin:workspaces_workspace_jobs", args=[sandbox.pk])
    found["workspace-pods-refused"] = reverse("admin:workspaces_workspace_pods", args=[sandbox.pk])
    found["drift"] = reverse("admin:workspaces_workspace_drift")
    found["person"] = reverse("admin:auth_user_rights", args=[User.objects.get(username="grace").pk])
    found["search"] = reverse("admin:search") + "?q=net"
    found["search-nothing"] = reverse("admin:search") + "?q=nothing-like-this"
    found["states-empty"] = reverse("admin:workspaces_workspace_states", args=[sandbox.pk])
    found["preview"] = reverse("admin:workspaces_workspace_preview", args=[network.pk])
    found["states"] = reverse("admin:workspaces_workspace_states", args=[network.pk])
    found["states-difference"] = reverse("admin:workspaces_workspace_states_difference", args=[network.pk])
    found["start-job"] = reverse("admin:workspaces_workspace_start", args=[network.pk])
    found["from-repository"] = reverse("admin:workspaces_workspace_from_repository")
    found["by-project"] = reverse("admin:workspaces_workspace_by_project")
    found["by-folder"] = reverse("admin:workspaces_workspace_by_folder")
    found["saved-filters"] = reverse("admin:workspaces_workspace_list_view") + "?q=network"
    found["delete"] = reverse("admin:workspaces_workspace_delete", args=[network.pk])
    found["history"] = reverse("admin:workspaces_workspace_history", args=[network.pk])
    found["history-job"] = reverse("admin:workspaces_job_history", args=[sample.jobs["applied"].pk])
    found["policy-violations"] = reverse("admin:workspaces_policyrule_violations")
    found["user-password"] = reverse("admin:auth_user_password_change", args=[User.objects.get(username="ada").pk])
    found["password"] = reverse("admin:password_change")
    found["nothing-found"] = reverse("admin:workspaces_workspace_changelist") + "?q=nothing-like-this"
    found["not-there"] = "/admin/nowhere/"
    return found


def pages_of_nothing() -> dict[str, str]:
    """Return the address of each page that shows no record, by the name of its picture."""
    return {
        "own-rights": reverse("admin:auth_user_own_rights"),
        "lists": reverse("admin:app_list", args=["workspaces"]),
        "saved-filters-jobs": reverse("admin:workspaces_job_list_view") + "?status=failed",
        "jobs-nothing": reverse("admin:workspaces_job_changelist") + "?q=nothing-like-this",
        "terminal-sign-in": f"{reverse('sign-in:authorize-terminal')}?{urlencode(_TERMINAL)}",
        "terminal-sign-in-refused": reverse("sign-in:authorize-terminal"),
        "api": reverse("doc"),
    }


def _of_models() -> Iterator[tuple[str, str]]:
    """List, form of a new record, and page, history and deletion of one, of each kind that has them."""
    request: Any = RequestFactory().get("/admin/")
    request.user = User.objects.get(username="ada")
    for model, shown in sorted(admin.site._registry.items(), key=lambda entry: entry[0].__name__):
        options, short = model._meta, str(model._meta.model_name)
        address = f"admin:{options.app_label}_{short}"
        yield f"list-{short}", reverse(f"{address}_changelist")
        if shown.has_add_permission(request):
            yield f"add-{short}", reverse(f"{address}_add")
        record = model._default_manager.first()
        if record is None or short in _OWN_PAGES:
            continue
        yield f"record-{short}", reverse(f"{address}_change", args=[record.pk])
        yield f"history-{short}", reverse(f"{address}_history", args=[record.pk])
        if shown.has_delete_permission(request, record):
            yield f"delete-{short}", reverse(f"{address}_delete", args=[record.pk])
