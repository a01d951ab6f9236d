"""What the page of a workspace says of its executor: the Kubernetes Job that a step would get."""

from __future__ import annotations

from typing import Any

import yaml
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from executors.cluster import ClusterError
from executors.launching.preview import preview
from terrakube_site.env import SettingErrors
from workspaces.admin.workspaces import WorkspaceAdmin
from workspaces.choices import StepType
from workspaces.ephemeral import EphemeralSyntaxErrors
from workspaces.models import Workspace

IN_A_POD = (StepType.PLAN, StepType.APPLY, StepType.DESTROY, StepType.PLAN_DESTROY, StepType.SCRIPTS)

admin.site.unregister(Workspace)


@admin.register(Workspace)
class ExecutedWorkspaceAdmin(WorkspaceAdmin):
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.preview_view)
        return [path("<uuid:pk>/kubernetes-job/", view, name="workspaces_workspace_preview"), *super().get_urls()]

    def preview_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Show the Kubernetes Job of a step; nothing is created."""
        workspace = self.visible(request, pk)
        asked = request.GET.get("type", StepType.PLAN)
        kind = StepType(asked) if asked in IN_A_POD else StepType.PLAN
        text, errors = "", []
        try:
            text = yaml.safe_dump(preview(workspace, kind), sort_keys=False)
        except EphemeralSyntaxErrors as error:
            errors = [str(one) for one in error.errors]
        except (ClusterError, SettingErrors) as error:
            errors = [str(error)]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Kubernetes Job of {workspace.name}",
            "workspace": workspace,
            "original": workspace,
            "kinds": [(choice.value, choice.label) for choice in IN_A_POD],
            "kind": kind.value,
            "text": text,
            "errors": errors,
        }
        return TemplateResponse(request, "terrakube/preview.html", context)
