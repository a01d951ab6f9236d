"""Organizations and their teams."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from workspaces.admin.base import ADMINISTRATOR, RecordAdmin
from workspaces.admin.limits import OrganizationLimitsInline
from workspaces.models import Organization, Team, Workspace
from workspaces.querysets import number_of


@admin.register(Organization)
class OrganizationAdmin(RecordAdmin):
    add_right = ADMINISTRATOR
    list_display = ("name", "description", "workspace_count", "team_count", "execution_mode", "disabled")
    list_filter = ("disabled", "execution_mode")
    search_fields = ("name", "description")
    fieldsets = ((None, {"fields": ("name", "description", "icon", "execution_mode", "disabled")}),)
    inlines = (OrganizationLimitsInline,)

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        # A new organization has its name first.
        return self.inlines if obj is not None else ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request)
        counted: QuerySet[Any] = found.annotate(
            workspaces_alive=number_of(Workspace, "organization", deleted=False),
            teams_all=number_of(Team, "organization"),
        )
        return counted

    @admin.display(description=_("workspaces"), ordering="workspaces_alive")
    def workspace_count(self, record: Any) -> int:
        return int(record.workspaces_alive)

    @admin.display(description=_("teams"), ordering="teams_all")
    def team_count(self, record: Any) -> int:
        return int(record.teams_all)


@admin.register(Team)
class TeamAdmin(RecordAdmin):
    right = ADMINISTRATOR
    list_display = ("name", "organization", "role", "plan_job", "approve_job", "manage_workspace", "manage_job")
    list_select_related = ("organization",)
    list_filter = ("organization", "role")
    search_fields = ("name", "organization__name")
    autocomplete_fields = ("organization",)
    fieldsets = (
        (None, {"fields": ("organization", "name", "role")}),
        (
            _("Jobs"),
            {
                "description": _("These count where the role is custom or empty."),
                "fields": (("plan_job", "approve_job", "manage_job"),),
            },
        ),
        (
            _("What its members may manage"),
            {
                "fields": (
                    ("manage_workspace", "manage_state"),
                    ("manage_collection", "manage_template"),
                    ("manage_vcs", "manage_module", "manage_provider"),
                )
            },
        ),
    )
