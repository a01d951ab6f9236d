"""Outputs of a state."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from tfe.documents import document, page_document, whole_document
from tfe.errors import NotFound
from tfe.lookup import readable_workspace
from tfe.outputs import output_object, outputs_of
from tfe.states.access import readable_version
from tfe.views import TfeView
from workspaces.models import StateVersion


class VersionOutputsView(TfeView):
    """``GET state-versions/ID/outputs``, in pages."""

    def get(self, request: Request, state_version_id: str) -> Response:
        found = outputs_of(readable_version(self.actor, state_version_id))
        return Response(page_document(request, found, lambda rows: [output_object(row) for row in rows]))


class CurrentOutputsView(TfeView):
    """``GET workspaces/ID/current-state-version-outputs``: all at once, as clients read no second page."""

    def get(self, request: Request, workspace_id: str) -> Response:
        workspace = readable_workspace(self.actor, workspace_id)
        version = StateVersion.objects.filter(workspace=workspace).order_by("-number").first()
        found = [] if version is None else outputs_of(version)
        return Response(whole_document([output_object(output) for output in found]))


class OutputView(TfeView):
    """``GET state-version-outputs/ID``: one output, with its value also if it is sensitive."""

    def get(self, request: Request, output_id: str) -> Response:
        key, _, name = output_id.partition(".")
        for output in outputs_of(readable_version(self.actor, key)):
            if output.name == name:
                response = Response(document(output_object(output, with_value=True)))
                response["Cache-Control"] = "no-store"
                return response
        raise NotFound
