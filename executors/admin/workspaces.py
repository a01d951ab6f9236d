"""What the page of a workspace says of its executor: the Kubernetes Job that a step would get."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from executors.conf import installation
from executors.launching import dry_run
from executors.launching.manifest import OWN_USER
from executors.launching.preview import preview
from terrakube_site.env import SettingErrors
from workspaces.admin.base import actor_of, allows
from workspaces.admin.workspaces import WorkspaceAdmin
from workspaces.choices import StepType
from workspaces.ephemeral import SETTINGS, EphemeralSyntaxErrors, render_pairs, variables
from workspaces.ephemeral.policy import Rule
from workspaces.errors import NotAllowed
from workspaces.forms.ephemeral import EphemeralForm
from workspaces.models import Workspace
from workspaces.models.variable import HIDDEN
from workspaces.permissions import require
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
        """Show the Kubernetes Job of a step; a POST asks the cluster about it. Nothing is created."""
        workspace = self.visible(request, pk)
        asked = request.POST.get("type") or request.GET.get("type", StepType.PLAN)
        kind = StepType(asked) if asked in IN_A_POD else StepType.PLAN
        context: dict[str, Any] = {"text": "", "errors": [], "needs": [], "answer": None}
        try:
            body = preview(workspace, kind)
            context["text"] = yaml.safe_dump(_masked(body, _secrets(workspace)), sort_keys=False)
            context["needs"] = sorted(set(dry_run.needs(body)))
            context["errors"] = [refusal.message for refusal in workspace_inputs(workspace).refusals]
            if request.method == "POST":
                require(
                    actor_of(request), workspace.organization, "plan_job", to="ask the cluster", workspace=workspace
                )
                context["answer"] = dry_run.ask(workspace, kind)
        except EphemeralSyntaxErrors as error:
            context["errors"] = [str(one) for one in error.errors]
        except (NotAllowed, SettingErrors) as error:
            context["errors"] = [str(error)]
        context |= {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Kubernetes Job of {workspace.name}",
            "workspace": workspace,
            "original": workspace,
            "kinds": [(choice.value, choice.label) for choice in IN_A_POD],
            "kind": kind.value,
            "origins": list(_origins(workspace, self.executor_defaults())),
            "may_ask": allows(request, "plan_job", workspace),
        }
        return TemplateResponse(request, "terrakube/preview.html", context)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the value of a setting comes from; ``lock`` is the rule by which nobody below it can change the value."""

    name: str
    value: str
    origin: str
    lock: Rule | None = None
    limits: tuple[str, ...] = ()
    refusal: str = ""


def _origins(workspace: Workspace, defaults: Mapping[str, str]) -> Iterator[Origin]:
    """What shapes the Job: the name, the value in force, where it comes from, and what the policies say of it."""
    try:
        conf = installation()
    except SettingErrors:
        return
    for name, value in (
        ("ExecutorEphemeralNamespace", conf.namespace),
        ("ExecutorEphemeralImage", conf.image),
        ("ExecutorEphemeralSecret", ", ".join(conf.secrets)),
        ("ExecutorEphemeralDeadlineSeconds", str(conf.deadline_seconds)),
        ("ExecutorEphemeralTtlSeconds", str(conf.ttl_seconds)),
    ):
        yield Origin(name, value, "installation")
    form = EphemeralForm(None, workspace=workspace, defaults=defaults)
    for entry in (form.switch, *(entry for _, entries in form.groups for entry in entries)):
        rules = (entry.lock, entry.limits, entry.refusal)
        if entry.is_set:
            yield Origin(entry.setting.name, HIDDEN if entry.sensitive else entry.text, "workspace", *rules)
        elif entry.inherited or entry.lock:
            yield Origin(entry.setting.name, entry.inherited, entry.origin if entry.inherited else "", *rules)
