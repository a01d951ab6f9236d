"""The page of a connection: how to set it up, whether it works, and until when."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from terrakube_site.messages import translated
from vcs.admin.set_up import set_up_steps
from vcs.connections.callback import page_to_connect
from vcs.connections.problems import kept_problem
from vcs.connections.trying import try_connection
from vcs.providers import provider_of
from vcs.providers.base import SetupError
from workspaces.admin.base import AUDIT_FIELDS, AUDIT_FIELDSET, RecordAdmin, allows
from workspaces.admin.secret_display import HidesSecrets, said_to_be_set
from workspaces.choices import VcsType
from workspaces.display import age_column
from workspaces.encryption import is_readable
from workspaces.forms.secrets import SecretsForm
from workspaces.models import Vcs

_LONGEST_SOURCE = 1024


class VcsForm(SecretsForm):
    secret_fields = ("client_secret", "private_key", "access_token")

    class Meta:
        model = Vcs
        fields = (
            "organization",
            "name",
            "description",
            "vcs_type",
            "connection_type",
            "client_id",
            "client_secret",
            "private_key",
            "access_token",
            "all_repositories",
            "endpoint",
            "api_url",
            "callback",
            "redirect_url",
            "status",
        )


@admin.register(Vcs)
class VcsAdmin(HidesSecrets, RecordAdmin):
    form = VcsForm
    change_form_template = "terrakube/connection.html"
    shows_more_once_saved = True
    hidden = {name: f"{name}_is_set" for name in VcsForm.secret_fields}
    client_secret_is_set = said_to_be_set("client_secret", _("client secret"))
    private_key_is_set = said_to_be_set("private_key", _("private key"))
    access_token_is_set = said_to_be_set("access_token", _("access token"))
    list_display = ("name", "organization", "vcs_type", "connection_type", "status", "changed")
    changed = age_column("updated_date", _("changed"))
    empty_help = _("A connection lets workspaces read repositories that are not public.")
    list_select_related = ("organization",)
    list_filter = ("vcs_type", "status", "organization")
    search_fields = ("name", "description", "organization__name")
    autocomplete_fields = ("organization",)
    readonly_fields = ("status", *AUDIT_FIELDS)
    fieldsets = (
        (
            None,
            {
                "fields": ("organization", "name", "description", ("vcs_type", "connection_type"), "status"),
            },
        ),
        (
            _("Authentication"),
            {"fields": ("client_id", "client_secret", "private_key", "access_token", "all_repositories")},
        ),
        (_("Addresses"), {"fields": ("endpoint", "api_url", "callback", "redirect_url")}),
        AUDIT_FIELDSET,
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        found = list(super().get_fieldsets(request, obj))
        if obj is None:
            title, options = found[0]
            described = _("After saving, the page shows step by step what to do at the provider.")
            # A new connection has no status yet.
            fields = tuple(name for name in options["fields"] if name != "status")
            found[0] = (title, {**options, "description": described, "fields": fields})
        return found

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        vcs = self.get_object(request, object_id)
        context = self._connection_context(request, vcs) if isinstance(vcs, Vcs) else {}
        return super().change_view(  # type: ignore[no-any-return]
            request, object_id, form_url, {**context, **(extra_context or {})}
        )

    def _connection_context(self, request: HttpRequest, vcs: Vcs) -> dict[str, Any]:
        source = vcs.workspaces.exclude(source="").order_by("name").values_list("source", flat=True).first()
        return {
            "connection": vcs,
            "may_make_workspaces": allows(request, "create_workspace", vcs.organization),
            "may_connect": self.has_change_permission(request, vcs),
            "by_browser": provider_of(vcs) is not None
            and vcs.vcs_type != VcsType.AZURE_SP_MI
            and is_readable(vcs, "client_secret")
            and vcs.client_secret,
            "steps": set_up_steps(vcs) if self.has_change_permission(request, vcs) else [],
            "webhooks_address": f"{settings.PUBLIC_URL}/webhook/",
            "problem": kept_problem(vcs),
            "source": source or "",
        }

    def get_urls(self) -> list[URLPattern]:
        def own(route: str, view: Any, name: str) -> Any:
            return path(route, self.admin_site.admin_view(require_POST(view)), name=f"workspaces_vcs_{name}")

        return [
            own("<uuid:pk>/connect/", self.connect_view, "connect"),
            own("<uuid:pk>/try/", self.try_view, "try"),
            *super().get_urls(),
        ]

    def _changeable(self, request: HttpRequest, pk: Any) -> Vcs:
        """Return a connection that the user may change. Raises Http404 and PermissionDenied."""
        found = self.get_queryset(request).filter(pk=pk).first()
        if not isinstance(found, Vcs):
            raise Http404(gettext("Connection not found."))
        if not self.has_change_permission(request, found):
            raise PermissionDenied
        return found

    def _back(self, vcs: Vcs) -> HttpResponseRedirect:
        return HttpResponseRedirect(reverse("admin:workspaces_vcs_change", args=[vcs.pk]))

    def connect_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Send the browser to the provider, which sends it back to the callback."""
        vcs = self._changeable(request, pk)
        try:
            return HttpResponseRedirect(page_to_connect(request, vcs))
        except SetupError as error:
            messages.error(request, translated(error.message))
            return self._back(vcs)

    def try_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Ask the provider with the connection's token, and say how it went."""
        vcs = self._changeable(request, pk)
        trial = try_connection(vcs, request.POST.get("source", "")[:_LONGEST_SOURCE])
        say = messages.success if trial.works else messages.error
        say(request, translated(trial.sentence))
        return self._back(vcs)
