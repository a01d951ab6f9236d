"""The site of the panel's pages: what each page's frame needs, and nothing that no page shows."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.http import HttpRequest
from django.utils.translation import gettext
from unfold.sites import UnfoldAdminSite


class PanelSite(UnfoldAdminSite):  # type: ignore[misc]
    """django-unfold's site, whose navigation is taken as the callback of its settings gives it."""

    empty_value_display = "–"

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Return the lists of one app; without ``app_label`` none.

        Django asks for all of them on every page, with four rights and two addresses of each model. The navigation has
        entries of its own, and no page shows these.
        """
        return super().get_app_list(request, app_label) if app_label is not None else []

    def app_index(self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None) -> Any:
        name = apps.get_app_config(app_label).verbose_name
        context = {"title": gettext("All lists: %(name)s") % {"name": name}, **(extra_context or {})}
        return super().app_index(request, app_label, context)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        answer = super().password_change(request, extra_context)
        if answer.status_code == 200:
            answer.context_data["form"]["new_password2"].help_text = gettext("Enter the same password again.")
        return answer

    def password_change_done(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().password_change_done(request, {"title": gettext("Password"), **(extra_context or {})})

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        # Unfold would copy what was made for this request, and ask each entry for tabs, badges and rights.
        found: list[dict[str, Any]] = self._get_value(self._get_config("SIDEBAR", request)["navigation"], request)
        return found
