"""What the page of a workspace says of its executor: the Kubernetes Job that a step would get."""

from __future__ import annotations

from typing import Any

import yaml
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from executors.cluster import ClusterError
from executors.conf import installation
from executors.launching.manifest import OWN_USER
from executors.launching.preview import preview
from terrakube_site.env import SettingErrors
from workspaces.admin.workspaces import WorkspaceAdmin
from workspaces.choices import StepType
from workspaces.ephemeral import SETTINGS, EphemeralSyntaxErrors, render_pairs, variables
from workspaces.models import Workspace
from workspaces.models.variable import HIDDEN
from workspaces.variables import workspace_inputs

IN_A_POD = (StepType.PLAN, StepType.APPLY, StepType.DESTROY, StepType.PLAN_DESTROY, StepType.SCRIPTS)


def _secrets(workspace: Workspace) -> frozenset[str]:
    """What in the settings of a workspace's pods is sensitive: the texts, and the values of their pairs."""
    found: set[str] = set()
    for name, value in workspace_inputs(workspace).environment.items():
        if name in SETTINGS and value.sensitive:
            found |= {value.text, *(pair.partition("=")[2].strip() for pair in value.text.split(";"))}
    return frozenset(found - {""})


def _masked(part: Any, secrets: frozenset[str]) -> Any:
    """A manifest with every sensitive text replaced."""
    if isinstance(part, dict):
        return {key: _masked(value, secrets) for key, value in part.items()}
    if isinstance(part, list):
        return [_masked(value, secrets) for value in part]
    return HIDDEN if part in secrets else part


admin.site.unregister(Workspace)


@admin.register(Workspace)
class ExecutedWorkspaceAdmin(WorkspaceAdmin):
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.preview_view)
        return [path("<uuid:pk>/kubernetes-job/", view, name="workspaces_workspace_preview"), *super().get_urls()]

    def page_context(self, request: HttpRequest, workspace: Workspace) -> dict[str, Any]:
        address = reverse("admin:workspaces_workspace_preview", args=[workspace.pk])
        return {**super().page_context(request, workspace), "preview_url": address}

    def executor_defaults(self) -> dict[str, str]:
        try:
            conf = installation()
        except SettingErrors:
            # manage.py check names each; a page about something else still opens.
            return {}
        found = {}
        if conf.node_selector:
            found[variables.NODE_SELECTOR] = render_pairs(conf.node_selector)
        if not conf.is_terrakube_image:
            found[variables.POD_SECURITY] = (
                f"fsGroup={variables.DEFAULT_FS_GROUP};runAsUser={OWN_USER};runAsNonRoot=true"
            )
        return found

    def preview_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Show the Kubernetes Job of a step; nothing is created."""
        workspace = self.visible(request, pk)
        asked = request.GET.get("type", StepType.PLAN)
        kind = StepType(asked) if asked in IN_A_POD else StepType.PLAN
        text, errors = "", []
        try:
            text = yaml.safe_dump(_masked(preview(workspace, kind), _secrets(workspace)), sort_keys=False)
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
