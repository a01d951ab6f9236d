"""What the page of a workspace says of its executor: the Kubernetes Job that a step would get."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

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
from workspaces.admin.workspaces import WorkspaceAdmin
from workspaces.ephemeral import render_pairs, variables
from workspaces.models import Workspace
from workspaces.variables import WORKSPACE

admin.site.unregister(Workspace)


@admin.register(Workspace)
class ExecutedWorkspaceAdmin(PreviewPages, WorkspaceAdmin):
    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        ids = [row.pk for row in changelist.result_list if self._placements[row.pk].ephemeral]
        self._last: Mapping[UUID, Mapping[str, str]] = kept.newest_settings(ids)
        return changelist

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        first, second, third, *rest = super().get_list_display(request)
        return first, second, third, "settings", *rest

    @admin.display(description=gettext_lazy("settings"))
    def settings(self, workspace: Workspace) -> SafeString | str:
        """How many settings of its pods a workspace sets itself, and how many changed since its last pod."""
        if not self._placements[workspace.pk].ephemeral:
            return "–"
        values = self._settings[workspace.pk]
        own = sum(value.origin == WORKSPACE and name != variables.ENABLE for name, value in values.items())
        text = ngettext("%(number)d own", "%(number)d own", own) % {"number": own}
        last = self._last.get(workspace.pk)
        if last is None:
            return format_html('{} <span class="tk-quiet-text">{}</span>', text, _("no pod yet"))
        changed = kept.drift(kept.settings_of(values), last)
        if not changed:
            return text
        return format_html(
            '{} <a class="tk-badge tk-attention" href="{}" title="{}">{}</a>',
            text,
            reverse("admin:workspaces_workspace_preview", args=[workspace.pk]),
            ", ".join(changed),
            ngettext("%(number)d changed since its last pod", "%(number)d changed since its last pod", len(changed))
            % {"number": len(changed)},
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
