"""The executor's part of a workspace page: the Kubernetes Job that a step would get."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from executors.admin.choosing import NAME, from_repository_view
from executors.admin.preflight import preflight_view
from executors.admin.preview import preview_view
from executors.installation.settings import installation
from executors.launching import last_launch
from executors.launching.manifest import OWN_USER
from executors.runs.resource_use import resource_use
from terrakube_site.env import SettingErrors
from terrakube_site.messages import translated
from terrakube_site.theme.markup import format_html
from vcs.admin.hooks import webhook_section
from workspaces.admin.addition import Addition
from workspaces.admin.workspaces import WorkspaceAdmin
from workspaces.display import first_and_rest
from workspaces.forms.ephemeral import title_of
from workspaces.models import Workspace
from workspaces.pods import catalogue, render_pairs
from workspaces.variables.overrides import OverriddenSetting

_LONGEST_TEXT = 80


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_TEXT else f"{line[: _LONGEST_TEXT - 1]}…"


def _difference(one: OverriddenSetting) -> str:
    """One setting with the workspace's own value and the one it would inherit, in a line."""
    own, inherited = (_short(text) or _("nothing") for text in (one.own, one.inherited))
    return _("%(setting)s: %(own)s here, %(inherited)s without it (%(origin)s)") % {
        "setting": title_of(one.setting),
        "own": own,
        "inherited": inherited,
        "origin": translated(one.origin),
    }


@admin.display(description=gettext_lazy("settings"))
def settings(workspace: Any) -> SafeString | str:
    """Which settings of its pods a workspace has otherwise than it would inherit, and which changed since its last
    pod."""
    if not workspace.shown.placement.ephemeral:
        return "–"
    own = format_html(
        '<span class="tk-reason" title="{}">{}</span>',
        "\n".join(_difference(one) for one in workspace.own),
        first_and_rest([title_of(one.setting) for one in workspace.own]) or _("no own settings"),
    )
    if workspace.last is None:
        return format_html('{}<br><span class="tk-quiet-text">{}</span>', own, _("no pod yet"))
    changed = last_launch.changed_settings(workspace.shown.in_force, workspace.last)
    if not changed:
        return own
    return format_html(
        '{} <a class="tk-badge tk-attention" href="{}" title="{}">{}</a> <span class="tk-quiet-text">{}</span>',
        own,
        reverse("admin:workspaces_workspace_preview", args=[workspace.pk]),
        ", ".join(changed),
        ngettext(
            "%(number)d setting changed since the last pod",
            "%(number)d settings changed since the last pod",
            len(changed),
        )
        % {"number": len(changed)},
        first_and_rest([title_of(name) for name in changed]),
    )


class ExecutedWorkspace(Addition):
    """The preview of a workspace's Kubernetes Job, and which of its pod settings are its own or have changed."""

    columns = (settings,)

    def urls(self, page: WorkspaceAdmin) -> list[URLPattern]:
        preview, preflight, from_repository = (
            page.admin_site.admin_view(partial(view, page))
            for view in (preview_view, preflight_view, from_repository_view)
        )
        return [
            path("from-repository/", from_repository, name=NAME),
            path("<uuid:pk>/kubernetes-job/", preview, name="workspaces_workspace_preview"),
            path("<uuid:pk>/preflight/", preflight, name="workspaces_workspace_preflight"),
        ]

    def prepare_rows(self, rows: Sequence[Any]) -> None:
        shown = [row for row in rows if row.shown.placement.ephemeral]
        last, defaults = last_launch.newest_launches(row.pk for row in shown), self.executor_defaults()
        for row in shown:
            row.own, row.last = row.shown.overridden(defaults), last.get(row.pk)

    def page_context(self, request: HttpRequest, record: Workspace, parts: Collection[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if "executor" in parts:
            found["preview_url"] = reverse("admin:workspaces_workspace_preview", args=[record.pk])
        if "memory" in parts:
            found["memory_used"] = resource_use(record)
        if "webhook" in parts:
            found["webhook_section"] = webhook_section(record, request)
        return found

    def overview_context(self, request: HttpRequest, record: Workspace) -> dict[str, Any]:
        return {"preflight_url": reverse("admin:workspaces_workspace_preflight", args=[record.pk])}

    def executor_defaults(self) -> dict[str, str]:
        try:
            conf = installation()
        except SettingErrors:
            # manage.py check names each; a page about something else still opens.
            return {}
        found = {}
        if conf.node_selector:
            found[catalogue.NODE_SELECTOR] = render_pairs(conf.node_selector)
        if not conf.is_terrakube_image:
            found[catalogue.POD_SECURITY] = (
                f"fsGroup={catalogue.DEFAULT_FS_GROUP};runAsUser={OWN_USER};runAsNonRoot=true"
            )
        return found


WorkspaceAdmin.addition = ExecutedWorkspace()
