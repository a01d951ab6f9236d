"""Which addresses of the panel have no picture: each that shows a page has one, the others say what they do instead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.contrib import admin
from django.contrib.auth.models import User
from django.test import RequestFactory
from django.urls import Resolver404, URLPattern, URLResolver, get_resolver, resolve

_OF_PEOPLE = ("admin/", "runs/", "sign-in/", "doc")
"""Where people look; other addresses answer programs."""
_FILE = "sends a file"
_PIECE = "sends a piece of a page"
_BUTTON = "is a button, and leads to a page that has a picture"
_LEADS_ON = "leads to another address"
WITHOUT_PAGE: Mapping[str, str] = {
    **{
        f"admin/workspaces/{address}": _BUTTON
        for address in (
            "job/comments/<uuid:job_comment_id>/delete/",
            "job/<int:pk>/again/",
            "job/<int:pk>/approve/",
            "job/<int:pk>/cancel/",
            "job/<int:pk>/comment/",
            "job/<int:pk>/reject/",
            "job/<int:pk>/stop/",
            "notificationconfiguration/<uuid:pk>/test/",
            "notificationdelivery/<uuid:pk>/again/",
            "recoveredstate/<uuid:pk>/current/",
            "recoveredstate/<uuid:pk>/discard/",
            "stateversion/<uuid:pk>/roll-back/",
            "vcs/<uuid:pk>/connect/",
            "vcs/<uuid:pk>/try/",
            "workspace/<uuid:pk>/bring-back/",
            "workspace/<uuid:pk>/lock/",
            "workspace/<uuid:pk>/preflight/",
            "workspace/<uuid:pk>/restore/",
            "workspace/<uuid:pk>/states/upload/",
            "workspace/<uuid:pk>/unlock/",
            "workspace/<uuid:pk>/upload/",
        )
    },
    "admin/vcs/delivery/<int:pk>/again/": _BUTTON,
    "admin/vcs/pullrequest/<int:pk>/allow/": _BUTTON,
    "admin/vcs/repositoryhook/<uuid:pk>/again/": _BUTTON,
    **{
        f"admin/workspaces/{address}": _FILE
        for address in (
            "job/export/",
            "organization/<uuid:pk>/history/export/",
            "recoveredstate/<uuid:pk>/download/",
            "stateversion/<uuid:pk>/download/",
            "workspace/<uuid:pk>/history/export/",
            "workspace/export/",
        )
    },
    "admin/workspaces/policyrule/preview/": _PIECE,
    "admin/workspaces/workspace/<uuid:pk>/change/": _LEADS_ON,
    "admin/workspaces/schedule/preview/": _PIECE,
    "admin/autocomplete/": _PIECE,
    "admin/jsi18n/": "sends Django's texts for scripts",
    "admin/r/<path:content_type_id>/<path:object_id>/": _LEADS_ON,
    "admin/logout/": "ends in the picture signed-out",
    "admin/(?P<url>.*)$": "answers as the picture not-there shows",
    "sign-in/": "leads to the issuer",
    "sign-in/back": "leads back from the issuer",
    "sign-in/terminal/token": "answers a terminal",
    "runs/": _PIECE,
    "runs/<int:job_id>/": _LEADS_ON,
    "runs/<int:job_id>/live": _PIECE,
    "runs/<int:job_id>/results": _PIECE,
    "runs/<int:job_id>/plan.txt": _FILE,
    "runs/<int:job_id>/steps/<uuid:step_id>/log": _PIECE,
    "runs/<int:job_id>/steps/<uuid:step_id>/log.txt": _FILE,
    "runs/<int:job_id>/steps/<uuid:step_id>/find": _PIECE,
    "runs/<int:job_id>/steps/<uuid:step_id>/events": _PIECE,
    "runs/<int:job_id>/steps/<uuid:step_id>/incident.json": _FILE,
    "doc/openapi.json": _FILE,
}
"""Addresses of people that show no page of their own, each with what it does instead."""


def without_picture(visited: Iterable[str]) -> list[str]:
    """Return the addresses of pages, as the site declares them, that none of those visited belongs to."""
    return sorted(routes() - WITHOUT_PAGE.keys() - set(_refused()) - set(_visited(visited)))


def routes() -> set[str]:
    """Return every address where people look, as the site declares it, without those kept for old links."""
    # A record's address without "change/" leads on to it, and has no name.
    return {route for route, name in _declared(get_resolver().url_patterns) if name or "object_id" not in route}


def _refused() -> Iterator[str]:
    """Forms of new records and deletions that the site offers to nobody: such records come from elsewhere, and stay."""
    request: Any = RequestFactory().get("/admin/")
    request.user = User(is_superuser=True, is_staff=True)
    for model, shown in admin.site._registry.items():
        address = f"admin/{model._meta.app_label}/{model._meta.model_name}"
        if not shown.has_add_permission(request):
            yield f"{address}/add/"
        if not shown.has_delete_permission(request):
            yield f"{address}/<path:object_id>/delete/"


def _declared(patterns: Iterable[URLPattern | URLResolver], before: str = "") -> Iterator[tuple[str, str]]:
    for one in patterns:
        route = before + str(one.pattern).removeprefix("^")
        if isinstance(one, URLResolver):
            yield from _declared(one.url_patterns, route)
        elif route.startswith(_OF_PEOPLE):
            yield route, one.name or ""


def _visited(addresses: Iterable[str]) -> Iterator[str]:
    for address in addresses:
        try:
            yield str(resolve(urlsplit(address).path).route).replace("/^", "/")
        except Resolver404:
            continue
