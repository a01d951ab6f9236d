"""Failed password sign-ins; deleting one lifts its lock."""

from __future__ import annotations

from typing import Any

from axes.models import AccessAttempt
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from workspaces.admin.users import AdministratorsOnly
from workspaces.display import age_column, clock


@admin.register(AccessAttempt)
class FailedSignInAdmin(AdministratorsOnly, ModelAdmin):  # type: ignore[misc]
    why_no_history = _("A failed sign-in has no history: the site writes it when a password is wrong.")
    list_display = ("user", "address", "failures", "last")
    called = _("failed sign-in"), _("failed sign-ins")
    empty_help = _("Failed password sign-ins, and the users they locked out.")
    last = age_column("attempt_time", _("last failure"))
    search_fields = ("username", "ip_address")
    search_help_text = _("Search by user or address")
    show_full_result_count = False
    list_per_page = 50
    fields = readonly_fields = ("user", "address", "browser", "failures", "last_time")

    @admin.display(description=_("user"), ordering="username")
    def user(self, attempt: AccessAttempt) -> str:
        return attempt.username or "–"

    @admin.display(description=_("address"), ordering="ip_address")
    def address(self, attempt: AccessAttempt) -> str:
        return attempt.ip_address or "–"

    @admin.display(description=_("browser"))
    def browser(self, attempt: AccessAttempt) -> str:
        return attempt.user_agent or "–"

    @admin.display(description=_("last failure"))
    def last_time(self, attempt: AccessAttempt) -> SafeString:
        return clock(attempt.attempt_time)

    @admin.display(description=_("wrong passwords"), ordering="failures_since_start")
    def failures(self, attempt: AccessAttempt) -> int:
        return int(attempt.failures_since_start)

    def record_name(self, attempt: AccessAttempt) -> str:
        return gettext("%(user)s from %(address)s") % {"user": attempt.username, "address": attempt.ip_address}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
