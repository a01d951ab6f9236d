"""The panel's sidebar: grouped links, each shown to users who can use it."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import get_script_prefix, reverse
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from workspaces.admin.base import ADMINISTRATOR, allows
from workspaces.admin.shortcuts import SHORTCUTS

_MANAGE = "manage_workspace"
# Group, and its entries: title, icon, name of the address, right that it takes.
_GROUPS = (
    (
        _("Run"),
        (
            (_("Overview"), "dashboard", "admin:index", "read"),
            (_("Jobs"), "play_circle", "admin:workspaces_job_changelist", "read"),
            (_("Drift"), "difference", "admin:workspaces_workspace_drift", "read"),
        ),
    ),
    (
        _("Configure"),
        (
            (_("Workspaces"), "deployed_code", "admin:workspaces_workspace_changelist", "read"),
            (_("Pull requests"), "merge", "admin:vcs_pullrequest_changelist", "read"),
            (_("Rules for pull requests"), "rule", "admin:vcs_pullrequestrules_changelist", "read"),
            (_("Projects"), "folder", "admin:workspaces_project_changelist", "read"),
            (_("Variables"), "data_object", "admin:workspaces_variable_changelist", "read"),
            (_("Collections"), "stacks", "admin:workspaces_collection_changelist", "read"),
            (_("Templates"), "account_tree", "admin:workspaces_template_changelist", "read"),
            (_("Tags"), "sell", "admin:workspaces_tag_changelist", "read"),
            (_("Schedules"), "schedule", "admin:workspaces_schedule_changelist", "read"),
            (_("Webhooks"), "webhook", "admin:workspaces_webhook_changelist", "read"),
            (_("Deliveries"), "inbox", "admin:vcs_delivery_changelist", "read"),
            (_("Notifications"), "notifications", "admin:workspaces_notificationconfiguration_changelist", _MANAGE),
            (_("Sent notifications"), "outbox", "admin:workspaces_notificationdelivery_changelist", _MANAGE),
            (_("States"), "database", "admin:workspaces_stateversion_changelist", "read"),
            (_("Recovered states"), "restore", "admin:workspaces_recoveredstate_changelist", "read"),
            (_("Organizations"), "corporate_fare", "admin:workspaces_organization_changelist", "read"),
            (_("Organization variables"), "public", "admin:workspaces_globalvariable_changelist", "read"),
            (_("Policy"), "policy", "admin:workspaces_policyrule_changelist", "read"),
        ),
    ),
    (
        _("Access"),
        (
            (_("Teams"), "groups", "admin:workspaces_team_changelist", "read"),
            (_("VCS connections"), "commit", "admin:workspaces_vcs_changelist", "read"),
            (_("Linked accounts"), "link", "admin:vcs_accountlink_changelist", ADMINISTRATOR),
            (_("SSH keys"), "key", "admin:workspaces_ssh_changelist", "read"),
            (_("Agents"), "dns", "admin:workspaces_agent_changelist", "read"),
            (_("My rights"), "badge", "admin:auth_user_own_rights", "read"),
            (_("Access tokens"), "token", "admin:workspaces_accesstoken_changelist", "read"),
            (_("Users"), "person", "admin:auth_user_changelist", ADMINISTRATOR),
            (_("Groups"), "group", "admin:auth_group_changelist", ADMINISTRATOR),
        ),
    ),
    (
        _("System"),
        (
            (_("Attempts"), "rocket_launch", "admin:executors_attempt_changelist", "read"),
            (_("Clusters"), "hub", "admin:workspaces_cluster_changelist", ADMINISTRATOR),
            (_("Installation check"), "stethoscope", "admin:executors_checkrun_changelist", ADMINISTRATOR),
            (_("Queue"), "low_priority", "admin:django_q_ormq_changelist", ADMINISTRATOR),
            (_("Failed tasks"), "error", "admin:django_q_failure_changelist", ADMINISTRATOR),
            (_("Failed sign-ins"), "lock_person", "admin:axes_accessattempt_changelist", ADMINISTRATOR),
            (_("Changes"), "history", "admin:auditlog_logentry_changelist", ADMINISTRATOR),
        ),
    ),
    (
        _("Help"),
        (
            (_("Search"), "search", "admin:search", "read"),
            (_("REST API"), "api", "doc", "read"),
        ),
    ),
)

TITLES = {address: title for _group, entries in _GROUPS for title, _icon, address, _right in entries}
"""What the sidebar calls each list, by the name of its address."""


@cache
def _entries(language: str, prefix: str) -> tuple[tuple[str, tuple[tuple[dict[str, Any], str], ...]], ...]:
    """Return each group's title and its entries with the right that each takes, in one language.

    Every page has all of them and none changes while a process lives, but for what is asked of a request. ``prefix`` is
    what stands before all addresses.
    """
    return tuple(
        (
            str(title),
            tuple(
                ({"title": str(name), "icon": icon, "link": reverse(address)}, right)
                for name, icon, address, right in entries
            ),
        )
        for title, entries in _GROUPS
    )


def _current_link(here: str, links: list[str]) -> str:
    """Return the one of these links that a page belongs to, "" for none: an entry may lie below another's address."""
    start = reverse("admin:index")
    above = [link for link in links if here == link or (link != start and here.startswith(link))]
    return max(above, key=len, default="")


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sidebar's groups for one user; an entry is active on its page and on those below it."""
    allowed = {right: allows(request, right) for right in ("read", _MANAGE, ADMINISTRATOR)}
    found = _entries(get_language() or "", get_script_prefix())
    current = _current_link(
        request.path, [entry["link"] for _title, entries in found for entry, right in entries if allowed[right]]
    )
    groups: list[dict[str, Any]] = []
    for title, entries in found:
        items = [{**entry, "active": entry["link"] == current} for entry, right in entries if allowed[right]]
        if items:
            groups.append({"title": title, "items": items})
    if groups and settings.DOCUMENTATION_URL:
        # The last group is help.
        documentation = {"title": gettext("Documentation"), "icon": "menu_book", "link": settings.DOCUMENTATION_URL}
        groups[-1]["items"].append({**documentation, "active": False})
    return groups


def frame(request: HttpRequest) -> dict[str, Any]:
    """What every page's context has: names of lists, keyboard shortcuts, and no colours, which unfold would write into
    a style element."""
    return {"colors": {}, "list_titles": TITLES, "shortcuts": SHORTCUTS}
