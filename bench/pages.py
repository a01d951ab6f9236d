"""The pages of the panel on a large site, and the script that each makes a browser load."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.test import RequestFactory
from django.urls import reverse

from bench.dataset import ADMIN
from bench.figures import Figure
from workspaces import models as records
from workspaces.admin.navigation import sidebar
from workspaces.admin.workspace_tabs import FORM_TABS

AIM_MS = 100.0
SCRIPT_AIM_KB = 60.0
_SCRIPT = re.compile(r'<script[^>]*\ssrc="([^"]+)"')
_TERMINAL = re.compile(r"/vendor/xterm/|/terrakube/log\.")
_LISTS_ASKED = {
    "workspaces by name": "workspaces/workspace/?q=workspace-00123",
    "workspaces by last job": "workspaces/workspace/?o=-4",
    "workspaces, last page": "workspaces/workspace/?p=100",
    "workspaces that failed": "workspaces/workspace/?last_job_status__exact=failed",
    "workspaces by project": "workspaces/workspace/by-project/",
    "jobs by person": "workspaces/job/?q=ada",
    "jobs that go on": "workspaces/job/?phase=open",
    "jobs that ended": "workspaces/job/?phase=ended",
    "jobs that failed": "workspaces/job/?status__exact=failed",
    "jobs by number": "workspaces/job/?q=50000",
    "jobs, last page": "workspaces/job/?p=2000",
}


def addresses(workspace: Any) -> dict[str, str]:
    """Return the path of each page by its name: lists, forms and records of each kind, tabs, search."""
    job = records.Job.objects.filter(workspace=workspace).order_by("-pk")[0]
    found = {"start": reverse("admin:index"), "search": f"{reverse('admin:search')}?q=workspace-00123"}
    for model in sorted(admin.site._registry, key=lambda one: one.__name__):
        short, name = str(model._meta.model_name), f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found[f"list of {short}"] = reverse(f"{name}_changelist")
        record = _newest(model)
        if record is not None and short not in {"workspace", "job", "checkrun"}:
            found[f"record of {short}"] = reverse(f"{name}_change", args=[record.pk])
    found |= {name: f"/admin/{path}" for name, path in _LISTS_ASKED.items()}
    organization = f"organization__id__exact={workspace.organization_id}"
    found["jobs of an organization"] = f"{found['list of job']}?{organization}"
    found["workspaces of an organization"] = f"{found['list of workspace']}?{organization}"
    found["workspaces of a project"] = f"{found['list of workspace']}?project__id__exact={workspace.project_id}"
    found["search of a person"] = f"{reverse('admin:search')}?q=ada"
    found["search of a number"] = f"{reverse('admin:search')}?q=50000"
    found["a job"] = reverse("admin:workspaces_job_change", args=[job.pk])
    for tab in ("overview", "jobs", *FORM_TABS, "preview", "states", "start", "history", "who_may"):
        found[f"a workspace, {tab}"] = reverse(f"admin:workspaces_workspace_{tab}", args=[workspace.pk])
    found["a new workspace"] = reverse("admin:workspaces_workspace_add")
    for item in _menu():
        if item["link"] not in found.values():
            found[f"menu: {item['title']}"] = item["link"]
    return found


def main_addresses(workspace: Any) -> dict[str, str]:
    """Return the pages of a day's work: the first page, workspaces, jobs, variables, drift and search."""
    names = {"start", "search", "list of workspace", "list of job", "list of variable", "a job", "menu: Drift"}
    return {
        name: path
        for name, path in addresses(workspace).items()
        if name in names or name.startswith(("a workspace", "workspaces", "jobs"))
    }


def _menu() -> Iterator[dict[str, Any]]:
    """Return the entries of the administrator's menu, which has the pages that belong to no record."""
    request: Any = RequestFactory().get(reverse("admin:index"))
    request.user = User.objects.get(username=ADMIN)
    for group in sidebar(request):
        yield from (item for item in group["items"] if str(item["link"]).startswith("/admin/"))


def _newest(model: Any) -> Any:
    return model._default_manager.order_by("-pk").first()


def script_figures(measure: int, pages: dict[str, str], fetch: Callable[[str], tuple[str, bytes]]) -> Iterator[Figure]:
    """Weigh the scripts of each page as they travel, compressed; beside the terminal's on a job's page.

    ``fetch`` returns the text of a page, or of a script, and the bytes that travelled.
    """
    weights: dict[str, int] = {}
    heaviest, name = 0, ""
    for page, path in pages.items():
        text, _ = fetch(path)
        scripts = [one for one in _SCRIPT.findall(text) if not _TERMINAL.search(one)]
        for script in scripts:
            if script not in weights:
                weights[script] = len(fetch(script)[1])
        total = sum(weights[script] for script in set(scripts))
        if total > heaviest:
            heaviest, name = total, page
    value = heaviest / 1000
    yield Figure(
        measure=measure, name=f"script of the heaviest page ({name})", value=value, unit="kB", aim=SCRIPT_AIM_KB
    )
