"""Variables of one workspace, and all that count in it."""

from __future__ import annotations

from http import HTTPStatus

from rest_framework.request import Request
from rest_framework.response import Response

from tfe.body import body_of
from tfe.documents import document, whole_document
from tfe.errors import NotFound
from tfe.lookup import key_of, workspace_of
from tfe.variables.documents import variable_object
from tfe.variables.input import new_variable, variable_changes
from tfe.views import TfeView
from workspaces.models import Variable
from workspaces.services.records import create_record, delete_record, require_right, update_record
from workspaces.variables.in_force import records_in_force


class VariablesView(TfeView):
    """``workspaces/ID/vars``; clients read one page only, so all are on it."""

    def get(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(self.actor, workspace_id)
        rows = workspace.variables.order_by("key")
        return Response(whole_document([variable_object(row) for row in rows]))

    def post(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(self.actor, workspace_id)
        require_right(Variable(workspace=workspace), by=self.actor, verb="create")
        fields = new_variable(body_of(request, "vars"))
        row = create_record(Variable(workspace=workspace, **fields), by=self.actor)
        return Response(document(variable_object(row)), status=HTTPStatus.CREATED)


class VariableView(TfeView):
    """``workspaces/ID/vars/ID``."""

    def get(self, request: Request, workspace_id: str, variable_id: str) -> Response:
        return Response(document(variable_object(self._variable(workspace_id, variable_id))))

    def patch(self, request: Request, workspace_id: str, variable_id: str) -> Response:
        row = self._variable(workspace_id, variable_id)
        require_right(row, by=self.actor, verb="change")
        update_record(row, variable_changes(body_of(request, "vars")), by=self.actor)
        return Response(document(variable_object(row)))

    def delete(self, request: Request, workspace_id: str, variable_id: str) -> Response:
        delete_record(self._variable(workspace_id, variable_id), by=self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)

    def _variable(self, workspace_id: str, variable_id: str) -> Variable:
        workspace = workspace_of(self.actor, workspace_id)
        row: Variable | None = Variable.objects.filter(workspace=workspace, pk=key_of(variable_id)).first()
        if row is None:
            raise NotFound
        row.workspace = workspace
        return row


class AllVariablesView(TfeView):
    """``workspaces/ID/all-vars``: the workspace's own, and those of the organization and of sets that count in it.

    Terraform reads them for a run on the caller's machine, on one page.
    """

    def get(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(self.actor, workspace_id)
        return Response(whole_document([variable_object(row) for row in records_in_force(workspace)]))
