"""``/vcs/v1/ID/…``: what a connection reaches, for clients that let people choose a repository."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from terrakube_site.http.error_response import errors_body
from vcs.connections.discovery import groups_of, may_discover, repositories_of
from vcs.connections.problems import ConnectionProblem
from vcs.providers.base.listings import Listed
from workspaces.api.errors import Denied, InvalidValue, NotThere
from workspaces.api.json_views import PlainView
from workspaces.models import Vcs
from workspaces.permissions import rights

_LONGEST = 256
_MOST_PAGES = 10_000


class DiscoveryView(PlainView):
    """An address that lists what a connection reaches."""

    def connection(self, vcs_id: Any) -> Vcs:
        """Return the connection if the caller may choose repositories by it. Raises NotThere and Denied."""
        visible = Vcs.objects.visible_to(self.actor).select_related("organization")
        vcs: Vcs | None = visible.filter(pk=vcs_id).first()
        if vcs is None:
            raise NotThere("Connection not found.")
        given = rights(self.actor, vcs.organization)
        if not (given.manage_vcs or given.manage_workspace):
            raise Denied("Read", "Only a team that manages VCS connections or workspaces may list repositories.")
        return vcs

    def parameter(self, name: str, *, longest: int = _LONGEST) -> str:
        """Return a parameter of the address, empty without one. Raises InvalidValue."""
        text = self.request.query_params.get(name, "")
        if len(text) > longest or "\0" in text:
            raise InvalidValue(text[:longest], f"{name} is text of at most {longest} characters")
        return text


def trouble(problem: ConnectionProblem) -> Response:
    """Return the answer for what a provider refuses."""
    return Response(errors_body(str(problem.sentence)), status=status.HTTP_502_BAD_GATEWAY)


class GroupsView(DiscoveryView):
    """The accounts, organizations, groups or projects whose repositories a connection reaches."""

    def get(self, request: Request, vcs_id: Any) -> Response:
        vcs = self.connection(vcs_id)
        if not may_discover(vcs):
            return Response([], status=status.HTTP_422_UNPROCESSABLE_ENTITY)
        try:
            return Response([asdict(group) for group in groups_of(vcs)])
        except ConnectionProblem as problem:
            return trouble(problem)


class RepositoriesView(DiscoveryView):
    """A page of the repositories of one group."""

    def get(self, request: Request, vcs_id: Any) -> Response:
        vcs, page = self.connection(vcs_id), self.parameter("page") or "1"
        if not (page.isascii() and page.isdecimal() and 0 < int(page[:9]) <= _MOST_PAGES):
            raise InvalidValue(page, f"page is a whole number from 1 to {_MOST_PAGES}")
        group = self.parameter("group")
        if not group:
            raise InvalidValue(group, "group is the id of a group")
        if not may_discover(vcs):
            empty = {"items": [], "hasMore": False, "page": int(page)}
            return Response(empty, status=status.HTTP_422_UNPROCESSABLE_ENTITY)
        try:
            found = repositories_of(vcs, group, search=self.parameter("search"), page=int(page))
        except ConnectionProblem as problem:
            return trouble(problem)
        items = [_shown(one) for one in found.items]
        return Response({"items": items, "hasMore": found.has_more, "page": int(page)})


def _shown(one: Listed) -> dict[str, Any]:
    return {
        "name": one.name,
        "fullName": one.full_name,
        "group": one.group,
        "url": one.url,
        "privateRepo": one.private,
        "defaultBranch": one.default_branch,
    }
