"""Failed sign-ins by password: removing one lifts its lock."""

from __future__ import annotations

from typing import Any

from axes.models import AccessAttempt
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from workspaces.admin.users import AdministratorsOnly


@admin.register(AccessAttempt)
class FailedSignInAdmin(AdministratorsOnly, ModelAdmin):  # type: ignore[misc]
    list_display = ("username", "ip_address", "failures_since_start", "attempt_time")
    search_fields = ("username", "ip_address")
    search_help_text = _("Search by user or address")
    show_full_result_count = False
    list_per_page = 50
    fields = readonly_fields = ("username", "ip_address", "user_agent", "failures_since_start", "attempt_time")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
