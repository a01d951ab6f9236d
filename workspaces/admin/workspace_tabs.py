"""The tabs of a workspace: an address for each, and which part of the workspace's form each of them shows.

What a tab does not show is not in its form, so saving it leaves the rest as it is stored. No page shows all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from workspaces.admin.base import AUDIT_FIELDSET, allows
from workspaces.admin.limits import WorkspaceLimitsInline
from workspaces.admin.record_rows import RowFormSet
from workspaces.admin.variables import VariableInline
from workspaces.admin.workspace_rows import AccessInline, CollectionInline, TagInline
from workspaces.models import Workspace
from workspaces.pods.policy.rules import Refusal
from workspaces.variables.pod_settings import KEYED, Settings, settings_of

_KEYS = (("vcs", "ssh"), "module_ssh_key")
SOURCE_FIELDSET: Any = (_("Source"), {"fields": ("origin", "source", "branch", "folder", *_KEYS)})
_READ_SOURCE: Any = (_("Source"), {"fields": ("source", ("branch", "folder"), *_KEYS)})
_READ_UPLOAD: Any = (_("Source"), {"fields": ("uploaded", "folder", *_KEYS)})
TOOL_FIELDSET: Any = (_("Tool"), {"fields": (("iac_type", "terraform_version"),)})
NAME_FIELDSET: Any = (None, {"fields": ("organization", "project", "name", "description", "default_template")})
_RUNS_FIELDSET: Any = (_("Runs"), {"fields": ("execution_mode", ("allow_remote_apply", "auto_apply"))})
_SHARED_FIELDSET: Any = (_("Shared state"), {"fields": ("global_remote_state", "shared_ids")})


class PlainVariableFormSet(RowFormSet):
    """Variables of which the stored settings of the pods are not among the rows."""

    def clean(self) -> None:
        super().clean()
        stored = set(self.instance.variables.filter(**KEYED).values_list("key", flat=True))
        for row in self.forms:
            key = row.cleaned_data.get("key") if hasattr(row, "cleaned_data") else None
            if key in stored and row.has_changed() and row not in self.deleted_forms:
                row.add_error("key", gettext("%(key)s is already set. Change it on the Pods tab.") % {"key": key})


class PlainVariableInline(VariableInline):
    """The variables of a workspace without the settings of its pods, which have a tab of their own."""

    formset = PlainVariableFormSet

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request)
        return found.exclude(**KEYED)


def read_source(workspace: Workspace) -> Any:
    """Return the fields of a workspace's source for who may not change it."""
    return _READ_UPLOAD if workspace.uploaded_source else _READ_SOURCE


@dataclass(frozen=True, slots=True, kw_only=True)
class FormTab:
    """The part of a workspace's form that one tab shows.

    ``parts`` names the sections of the template ``terrakube/workspace.html`` beside fields and rows.
    """

    fieldsets: tuple[Any, ...] = ()
    inlines: tuple[Any, ...] = ()
    parts: frozenset[str] = frozenset()


FORM_TABS: Mapping[str, FormTab] = {
    "variables": FormTab(inlines=(PlainVariableInline, CollectionInline), parts=frozenset({"pod_variables"})),
    "pods": FormTab(parts=frozenset({"executor", "memory"})),
    "source": FormTab(fieldsets=(SOURCE_FIELDSET,), parts=frozenset({"upload", "webhook", "schedules"})),
    "access": FormTab(fieldsets=(_SHARED_FIELDSET,), inlines=(AccessInline,), parts=frozenset({"who", "shared_state"})),
    "settings": FormTab(
        fieldsets=(NAME_FIELDSET, TOOL_FIELDSET, _RUNS_FIELDSET, AUDIT_FIELDSET),
        inlines=(TagInline, WorkspaceLimitsInline),
        parts=frozenset({"danger"}),
    ),
}

_TABS: tuple[tuple[str, Any], ...] = (
    ("overview", _("Overview")),
    ("jobs", _("Jobs")),
    ("variables", _("Variables")),
    ("pods", _("Pods")),
    ("states", _("States")),
    ("source", _("Source and triggers")),
    ("access", _("Access")),
    ("settings", _("Settings")),
)


@dataclass(frozen=True, slots=True)
class TabLink:
    """A tab as the bar shows it."""

    title: str
    address: str
    current: bool


def address_of(workspace_id: Any, tab: str = "overview") -> str:
    """Return the address of a workspace's tab."""
    return reverse(f"admin:workspaces_workspace_{tab}", args=[workspace_id])


def choose_tab(request: HttpRequest, tab: str) -> None:
    """Note which tab a request is for, before its form is built."""
    request._workspace_tab = tab  # type: ignore[attr-defined]


def chosen_tab(request: HttpRequest) -> str:
    """Return the name of the tab whose form a request is about; empty for that of a new workspace."""
    return getattr(request, "_workspace_tab", "")


def tab_of(request: HttpRequest) -> FormTab | None:
    """Return the tab whose form a request is about; None for the form of a new workspace."""
    return FORM_TABS.get(chosen_tab(request))


def pod_settings_of(request: HttpRequest, workspace: Workspace) -> Settings:
    """Return the stored pod settings of a workspace; five queries, once for a request.

    A page asks before its form saves anything, and what a form shows afterwards was refused and not stored.
    """
    known: dict[Any, Settings] = request.__dict__.setdefault("_pod_settings", {})
    if workspace.pk not in known:
        known[workspace.pk] = settings_of([workspace])[workspace.pk]
    return known[workspace.pk]


def head_context(
    request: HttpRequest, workspace: Workspace, current: str, *, refusals: Sequence[Refusal] | None = None
) -> dict[str, Any]:
    """Return what each page of a workspace shows at its top: title, tabs, what a policy refuses, the right to start.

    ``current`` is the name of the tab, empty on a page that is none of them. ``refusals`` None looks them up, with
    five queries.
    """
    if refusals is None:
        refusals = pod_settings_of(request, workspace).refusals
    titles = {"title": str(dict(_TABS)[current]), "subtitle": workspace.shown_name} if current else {}
    return {
        **titles,
        "workspace": workspace,
        "original": workspace,
        "tabs": [TabLink(str(title), address_of(workspace.pk, name), name == current) for name, title in _TABS],
        "refusals": refusals,
        "may_start": allows(request, "plan_job", workspace) and not workspace.deleted,
        "may_manage": allows(request, "manage_workspace", workspace),
        "may_restore": workspace.deleted and allows(request, "create_workspace", workspace),
        "name_before": workspace.name_before_deletion if workspace.deleted else "",
    }
