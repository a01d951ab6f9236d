"""Access tokens: users make and revoke their own; the text of one is shown once and not kept."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from terrakube_site.sentences import translated
from workspaces.access import groups_of, is_admin, name_of
from workspaces.admin.base import RecordAdmin, actor_of, telling
from workspaces.errors import ServiceError
from workspaces.forms.tokens import TokenForm
from workspaces.models import AccessToken
from workspaces.services.tokens import create_team_token, create_token, revoke_token

_SECONDS_A_DAY = 24 * 3600


@admin.register(AccessToken)
class AccessTokenAdmin(RecordAdmin):
    list_display = ("description", "name", "team", "created_date", "expires_at", "deleted")
    list_display_links = ("description", "name")
    list_filter = ("deleted", "team")
    search_fields = ("name", "email", "description", "team")
    ordering = ("-created_date",)
    actions = ("revoke",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request)
        user = actor_of(request)
        if is_admin(user):
            return found
        # Revoked ones stay in the list, which the services' own readers leave out.
        return found.filter(Q(team="", created_by=name_of(user)) | Q(team__in=groups_of(user)))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return tuple(field.name for field in AccessToken._meta.fields)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_active)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_active)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Revoked tokens stay known, so that a list of what was given out is never missing one.
        return False

    @admin.action(description=_("Revoke the selected tokens"))
    def revoke(self, request: HttpRequest, queryset: QuerySet[AccessToken]) -> None:
        rows = list(queryset.filter(deleted=False))
        with telling(
            request,
            ngettext("%(number)d token revoked.", "%(number)d tokens revoked.", len(rows)) % {"number": len(rows)},
        ):
            for row in rows:
                revoke_token(row, by=actor_of(request))

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Make a token and show its text, this once."""
        form, text = TokenForm(request.POST or None), ""
        if request.method == "POST" and form.is_valid():
            try:
                text = self._make(request, form.cleaned_data)
            except ServiceError as error:
                form.add_error(None, translated(error.message))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Create a token"),
            "form": form,
            "text": text,
        }
        response = TemplateResponse(request, "terrakube/token.html", context)
        add_never_cache_headers(response)
        return response

    def _make(self, request: HttpRequest, data: dict[str, Any]) -> str:
        user, description = actor_of(request), data["description"]
        if data["team"]:
            seconds = data["days"] * _SECONDS_A_DAY
            return create_team_token(by=user, team=data["team"], description=description, seconds=seconds)[1]
        return create_token(by=user, description=description, days=data["days"])[1]
