"""What the page of a workspace says of its executor: the Kubernetes Job that a step would get."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from executors.admin.preview import PreviewPages
from executors.conf import installation
from executors.launching import kept
from executors.launching.manifest import OWN_USER
from executors.memory import used_by
from terrakube_site.env import SettingErrors
from terrakube_site.sentences import translated
from workspaces.admin.workspaces import WorkspaceAdmin
from workspaces.differences import Difference
from workspaces.ephemeral import render_pairs, variables
from workspaces.forms.ephemeral import TITLES
from workspaces.models import Workspace
from workspaces.shown import few

admin.site.unregister(Workspace)
_LONGEST_TEXT = 80


def _title(setting: str) -> str:
    return str(TITLES.get(setting, setting))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_TEXT else f"{line[: _LONGEST_TEXT - 1]}…"


def _difference(one: Difference) -> str:
    """One setting with the workspace's own value and the one it would inherit, in a line."""
    own, inherited = (_short(text) or _("nothing") for text in (one.own, one.inherited))
    return _("%(setting)s: %(own)s here, %(inherited)s without it (%(origin)s)") % {
        "setting": _title(one.setting),
        "own": own,
        "inherited": inherited,
        "origin": translated(one.origin),
    }


@admin.register(Workspace)
class ExecutedWorkspaceAdmin(PreviewPages, WorkspaceAdmin):
    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        shown = [row for row in changelist.result_list if row.shown.placement.ephemeral]
        last, defaults = kept.newest_settings(row.pk for row in shown), self.executor_defaults()
        for row in shown:
            row.own, row.last = row.shown.own(defaults), last.get(row.pk)
        return changelist

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        first, second, third, *rest = super().get_list_display(request)
        return first, second, third, "settings", *rest

    @admin.display(description=gettext_lazy("settings"))
    def settings(self, workspace: Any) -> SafeString | str:
        """Which settings of its pods a workspace has otherwise than it would inherit, and which changed since its last
        pod."""
        if not workspace.shown.placement.ephemeral:
            return "–"
        own = format_html(
            '<span class="tk-reason" title="{}">{}</span>',
            "\n".join(_difference(one) for one in workspace.own),
            few([_title(one.setting) for one in workspace.own]) or _("none of its own"),
        )
        if workspace.last is None:
            return format_html('{} <span class="tk-quiet-text">{}</span>', own, _("no pod yet"))
        changed = kept.drift(kept.settings_of(workspace.shown.in_force), workspace.last)
        if not changed:
            return own
        return format_html(
            '{} <a class="tk-badge tk-attention" href="{}" title="{}">{}</a> <span class="tk-quiet-text">{}</span>',
            own,
            reverse("admin:workspaces_workspace_preview", args=[workspace.pk]),
            ", ".join(changed),
            ngettext("%(number)d changed since its last pod", "%(number)d changed since its last pod", len(changed))
            % {"number": len(changed)},
            few([_title(name) for name in changed]),
        )

    def page_context(self, request: HttpRequest, workspace: Workspace) -> dict[str, Any]:
        address = reverse("admin:workspaces_workspace_preview", args=[workspace.pk])
        own = {"preview_url": address, "memory_used": used_by(workspace)}
        return {**super().page_context(request, workspace), **own}

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
