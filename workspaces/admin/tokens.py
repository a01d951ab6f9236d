"""Access tokens: users create and revoke their own; a token's text is shown once and not stored."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from terrakube_site.messages import translated
from workspaces.actors import groups_of, is_admin
from workspaces.admin.base import RecordAdmin, actor_of, telling
from workspaces.display import age_column, moment, time_left
from workspaces.errors import ServiceError
from workspaces.forms.tokens import TokenForm
from workspaces.models import AccessToken
from workspaces.services.tokens import create_team_token, create_token, revoke_token, tokens_made_by

_SECONDS_A_DAY = 24 * 3600


@admin.register(AccessToken)
class AccessTokenAdmin(RecordAdmin):
    list_display = ("called", "acts_as", "state", "made", "ends")
    list_filter = ("deleted", "team")
    search_fields = ("name", "email", "description", "team")
    search_help_text = _("Search by description, user or team")
    empty_help = _("A token lets a program use the API as you or as a team. It is shown only once.")
    fields = readonly_fields = ("called", "acts_as", "in_groups", "state", "created_by", "created_date", "ends", "id")
    change_form_template = "terrakube/access_token.html"
    made = age_column("created_date", _("created"))
    ordering = ("-created_date",)
    actions = ("revoke",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request).select_related("user")
        user = actor_of(request)
        if is_admin(user):
            return found
        # Revoked tokens stay in the list, which the services' own readers leave out.
        return found.filter((Q(team="") & tokens_made_by(user)) | Q(team__in=groups_of(user)))

    @admin.display(description=_("description"), ordering="description")
    def called(self, token: AccessToken) -> str:
        return token.description or gettext("No description")

    @admin.display(description=_("acts as"), ordering="team")
    def acts_as(self, token: AccessToken) -> str:
        return gettext("Team %(team)s") % {"team": token.team} if token.team else token.name

    @admin.display(description=_("groups"))
    def in_groups(self, token: AccessToken) -> str:
        groups = token.groups if token.user is None else sorted(groups_of(token.user))
        if not groups and token.user is not None and is_admin(token.user):
            return gettext("None; an administrator has all rights")
        return ", ".join(map(str, groups)) or gettext("None")

    @admin.display(description=_("state"))
    def state(self, token: AccessToken) -> SafeString:
        if token.deleted:
            tone, text = "quiet", gettext("Revoked")
        elif token.expires_at is not None and token.expires_at <= timezone.now():
            tone, text = "quiet", gettext("Expired")
        elif token.user is not None and not token.user.is_active:
            tone, text = "quiet", gettext("Its user is not active")
        else:
            tone, text = "good", gettext("In force")
        return format_html('<span class="tk-badge tk-{}">{}</span>', tone, text)

    @admin.display(description=_("expires"), ordering="expires_at")
    def ends(self, token: AccessToken) -> SafeString | str:
        if token.expires_at is None:
            return gettext("Never")
        return time_left(token.expires_at) if token.expires_at > timezone.now() else moment(token.expires_at)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_active)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_active)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Revoked tokens stay, so that the list of issued tokens is complete.
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
        """Create a token and show its text once."""
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
