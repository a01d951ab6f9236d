"""Access tokens that were given out: who has them and until when; the tokens themselves are not kept."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from workspaces.admin.base import ADMINISTRATOR, RecordAdmin, actor_of, telling
from workspaces.models import AccessToken
from workspaces.services.tokens import revoke_token


@admin.register(AccessToken)
class AccessTokenAdmin(RecordAdmin):
    right = read_right = ADMINISTRATOR
    list_display = ("description", "name", "team", "created_date", "expires_at", "deleted")
    list_display_links = ("description", "name")
    list_filter = ("deleted", "team")
    search_fields = ("name", "email", "description", "team")
    ordering = ("-created_date",)
    actions = ("revoke",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return tuple(field.name for field in AccessToken._meta.fields)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Revoked tokens stay known, so that a list of what was given out is never missing one.
        return False

    @admin.action(description="Revoke the selected tokens")
    def revoke(self, request: HttpRequest, queryset: QuerySet[AccessToken]) -> None:
        rows = list(queryset.filter(deleted=False))
        with telling(request, f"{len(rows)} token{'' if len(rows) == 1 else 's'} revoked."):
            for row in rows:
                revoke_token(row, by=actor_of(request))
