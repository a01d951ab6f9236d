"""``/vcs/v1/ID/branches`` and ``…/folders``: what git lists of a repository, for clients that let people choose."""

from __future__ import annotations

from typing import Any

from django.urls import path
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from executors.choosing.listing import branches_of, folders_of, why_not_source
from vcs.connections.discovery import may_discover
from vcs.connections.problems import ConnectionProblem
from vcs.connections.views import DiscoveryView, trouble
from vcs.providers import provider_of
from workspaces.api.errors import InvalidValue
from workspaces.models import Vcs

_LONGEST = 512


class _RepositoryView(DiscoveryView):
    def source(self, vcs: Vcs) -> str:
        """Return the repository that the address names. Raises InvalidValue."""
        source = self.parameter("repository", longest=_LONGEST)
        if problem := why_not_source(vcs, source):
            # An address may hold a password.
            raise InvalidValue(source, str(problem), secret=True)
        return source

    def get(self, request: Request, vcs_id: Any) -> Response:
        vcs = self.connection(vcs_id)
        source = self.source(vcs)
        if provider_of(vcs) is not None and not may_discover(vcs):
            return Response({"items": []}, status=status.HTTP_422_UNPROCESSABLE_ENTITY)
        try:
            return Response({"items": self.items(vcs, source)})
        except ConnectionProblem as problem:
            return trouble(problem)

    def items(self, vcs: Vcs, source: str) -> list[dict[str, Any]]:
        """Return what is listed. Raises ConnectionProblem and InvalidValue."""
        raise NotImplementedError


class BranchesView(_RepositoryView):
    """The branches of a repository, the default one first."""

    def items(self, vcs: Vcs, source: str) -> list[dict[str, Any]]:
        found = branches_of(vcs, source)
        return [{"name": name, "default": name == found.default} for name in found.names]


class FoldersView(_RepositoryView):
    """The folders of a branch that hold a configuration."""

    def items(self, vcs: Vcs, source: str) -> list[dict[str, Any]]:
        branch = self.parameter("branch", longest=_LONGEST)
        if not branch or branch.startswith("-"):
            raise InvalidValue(branch, "branch is the name of a branch")
        return [{"folder": f"/{folder}"} for folder in folders_of(vcs, source, branch)]


urlpatterns = [
    path("vcs/v1/<uuid:vcs_id>/branches", BranchesView.as_view(), name="vcs-branches"),
    path("vcs/v1/<uuid:vcs_id>/folders", FoldersView.as_view(), name="vcs-folders"),
]
