"""Who changed what: django-auditlog, with every secret masked before it is written."""

from __future__ import annotations

from typing import Any

from auditlog.admin import LogEntryAdmin as AuditlogAdmin
from auditlog.models import LogEntry
from auditlog.registry import auditlog
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from workspaces import models
from workspaces.admin.users import AdministratorsOnly
from workspaces.models.variable import HIDDEN


def hide(value: str) -> str:
    """What the history says of a secret: that there is one, never any part of it."""
    return HIDDEN if value and value != "None" else ""


_HIDE = f"{__name__}.hide"
_STAMPS = ["created_by", "created_date", "updated_by", "updated_date"]

for plain in (
    models.Organization,
    models.Team,
    models.Access,
    models.Agent,
    models.Reference,
    models.RunLimits,
    models.WorkspaceTag,
):
    auditlog.register(plain)
for stamped in (models.Collection, models.PolicyRule, models.Tag, models.Template):
    auditlog.register(stamped, exclude_fields=_STAMPS)
auditlog.register(models.Workspace, exclude_fields=[*_STAMPS, "last_job_status", "last_job_date"])
for variable in (models.Variable, models.GlobalVariable, models.Item):
    auditlog.register(variable, mask_fields=["value"], mask_callable=_HIDE)
auditlog.register(
    models.Vcs,
    mask_fields=["client_secret", "private_key", "access_token"],
    mask_callable=_HIDE,
    exclude_fields=_STAMPS,
)
auditlog.register(models.Ssh, mask_fields=["private_key"], mask_callable=_HIDE, exclude_fields=_STAMPS)
auditlog.register(models.AccessToken, exclude_fields=_STAMPS)
auditlog.register(models.Schedule, exclude_fields=[*_STAMPS, "next_at"])

# Who may do what is said by users' groups, which people and sign-ins change.
auditlog.register(
    User, mask_fields=["password"], mask_callable=_HIDE, exclude_fields=["last_login"], m2m_fields={"groups"}
)
auditlog.register(Group)

WRITTEN_BY_MACHINES = frozenset(
    {
        models.Address,
        models.ConfigurationVersion,
        models.Identity,
        models.Job,
        models.SavedPlan,
        models.StateLock,
        models.StateVersion,
        models.Step,
    }
)
"""Records without a history: they come from jobs, uploads and sign-ins, and say themselves who caused them."""

admin.site.unregister(LogEntry)


@admin.register(LogEntry)
class LogEntryAdmin(AdministratorsOnly, AuditlogAdmin, ModelAdmin):  # type: ignore[misc]
    list_display = ("created", "resource_url", "action", "msg_short", "user_url")
    list_filter = ("action",)
    search_fields = ("object_repr", "actor__username", "actor__email")
    search_help_text = _("Search by record or user")
    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
