"""Workspaces that may read the state of a workspace."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from tfe.body import related_of
from tfe.documents import page_document
from tfe.lookup import workspace_of
from tfe.views import TfeView
from tfe.workspaces.documents import workspace_objects
from workspaces.models import Workspace
from workspaces.services.remote_state import consumer_ids, share_state


class ConsumersView(TfeView):
    """``workspaces/ID/relationships/remote-state-consumers``."""

    def get(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(self.actor, workspace_id)
        visible = Workspace.objects.visible_to(self.actor).alive().select_related("organization")
        named = visible.filter(organization=workspace.organization_id, pk__in=consumer_ids(workspace)).order_by("name")
        return Response(page_document(request, named, lambda rows: workspace_objects(self.actor, rows)))

    def post(self, request: Request, workspace_id: str) -> Response:
        return self._change(request, workspace_id, lambda present, sent: [*present, *sent])

    def patch(self, request: Request, workspace_id: str) -> Response:
        return self._change(request, workspace_id, lambda present, sent: sent)

    def delete(self, request: Request, workspace_id: str) -> Response:
        return self._change(request, workspace_id, lambda present, sent: [key for key in present if key not in sent])

    def _change(
        self, request: Request, workspace_id: str, choose: Callable[[list[UUID], list[UUID]], list[UUID]]
    ) -> Response:
        workspace = workspace_of(self.actor, workspace_id)
        sent = [workspace_of(self.actor, named.key).pk for named in related_of(request)]
        share_state(workspace, choose(consumer_ids(workspace), sent), by=self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)
