"""The panel's sidebar: what it leads to, in groups, each entry for whom it is of use."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from workspaces.admin.base import ADMINISTRATOR, allows

# Group, and its entries: title, icon, name of the address, right that it takes.
_GROUPS = (
    (
        "Run",
        (
            ("Overview", "dashboard", "admin:index", "read"),
            ("Jobs", "play_circle", "admin:workspaces_job_changelist", "read"),
        ),
    ),
    (
        "Configure",
        (
            ("Workspaces", "deployed_code", "admin:workspaces_workspace_changelist", "read"),
            ("Variables", "data_object", "admin:workspaces_variable_changelist", "read"),
            ("Collections", "stacks", "admin:workspaces_collection_changelist", "read"),
            ("Templates", "account_tree", "admin:workspaces_template_changelist", "read"),
            ("Schedules", "schedule", "admin:workspaces_schedule_changelist", "read"),
            ("States", "database", "admin:workspaces_stateversion_changelist", "read"),
            ("Organizations", "corporate_fare", "admin:workspaces_organization_changelist", "read"),
            ("Organization variables", "public", "admin:workspaces_globalvariable_changelist", "read"),
            ("Policy", "policy", "admin:workspaces_policyrule_changelist", "read"),
        ),
    ),
    (
        "Access",
        (
            ("Teams", "groups", "admin:workspaces_team_changelist", "read"),
            ("VCS connections", "commit", "admin:workspaces_vcs_changelist", "read"),
            ("SSH keys", "key", "admin:workspaces_ssh_changelist", "read"),
            ("Tokens", "token", "admin:workspaces_accesstoken_changelist", "read"),
            ("Users", "person", "admin:auth_user_changelist", ADMINISTRATOR),
            ("Groups", "group", "admin:auth_group_changelist", ADMINISTRATOR),
        ),
    ),
    (
        "System",
        (
            ("Attempts", "rocket_launch", "admin:executors_attempt_changelist", "read"),
            ("Check", "stethoscope", "admin:executors_checkrun_changelist", ADMINISTRATOR),
            ("Queue", "low_priority", "admin:django_q_ormq_changelist", ADMINISTRATOR),
            ("Failed tasks", "error", "admin:django_q_failure_changelist", ADMINISTRATOR),
            ("Failed sign-ins", "lock_person", "admin:axes_accessattempt_changelist", ADMINISTRATOR),
            ("Changes", "history", "admin:auditlog_logentry_changelist", ADMINISTRATOR),
        ),
    ),
)


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar's groups for one user, as django-unfold wants them."""
    groups = []
    for title, entries in _GROUPS:
        items = [
            {"title": name, "icon": icon, "link": reverse(address)}
            for name, icon, address, right in entries
            if allows(request, right)
        ]
        if items:
            groups.append({"title": title, "items": items})
    return groups


def no_inline_style(request: HttpRequest) -> dict[str, Any]:
    """Take out of every page's context what django-unfold would write into a style element."""
    return {"colors": {}}
