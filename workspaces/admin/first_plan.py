"""Where a person goes on with a workspace that was just made: its first plan is one button away."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse

from workspaces.admin.base import allows
from workspaces.admin.workspace_tabs import address_of
from workspaces.models import Workspace

FIRST = "first"
"""The parameter of the page that starts a job; with it the page offers a plan and nothing else."""


def address_after_making(request: HttpRequest, workspace: Workspace) -> str:
    """Return the page on which a new workspace's source is uploaded, or its first plan is started.

    Without the right to start plans, it is the overview.
    """
    if workspace.uploaded_source and not workspace.configuration_versions.exists():
        return address_of(workspace.pk, "source")
    if allows(request, "plan_job", workspace):
        return f"{reverse('admin:workspaces_workspace_start', args=[workspace.pk])}?{FIRST}=1"
    return address_of(workspace.pk)


def address_after_upload(request: HttpRequest, workspace: Workspace) -> str:
    """Return where a person goes on after an upload: as with a new workspace before its first job, else the overview.

    An upload that was refused has changed nothing; then it is the page with the upload.
    """
    if not workspace.uploaded_source or not workspace.configuration_versions.exists():
        return address_of(workspace.pk, "source")
    return address_of(workspace.pk) if workspace.jobs.exists() else address_after_making(request, workspace)
