"""Workspaces: list, create, read, change and delete them, by name or by id."""

from __future__ import annotations

from http import HTTPStatus

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from tfe.body import Body, body_of
from tfe.documents import asked_includes, page_document
from tfe.lookup import organization_of, workspace_named, workspace_of
from tfe.project_keys import named_project
from tfe.views import TfeView
from tfe.workspaces.documents import included_objects, workspace_document, workspace_objects
from tfe.workspaces.filters import listed
from tfe.workspaces.settings import defaults_of, fields_of, without_repository
from tfe.workspaces.tags import sent_tags
from workspaces.models import Organization, Project, Workspace
from workspaces.services.tags import tag_workspace
from workspaces.services.workspaces import (
    create_workspace,
    delete_workspace,
    safely_delete_workspace,
    update_workspace,
)


class ChangingView(TfeView):
    """A view to which a workspace is sent."""

    def project(self, body: Body, organization: Organization) -> dict[str, Project | None]:
        """Return the column of the project that a document names, or none. Raises Invalid."""
        named = body.related("project")
        return {} if named is None else {"project": named_project(self.actor, organization, named)}


class WorkspacesView(ChangingView):
    """``organizations/O/workspaces``."""

    def get(self, request: Request, organization_name: str) -> Response:
        organization = organization_of(self.actor, organization_name)
        visible = Workspace.objects.visible_to(self.actor).alive().filter(organization=organization)
        found = listed(visible.select_related("organization"), request.query_params.dict())
        asked = asked_includes(request)
        return Response(
            page_document(
                request,
                found,
                lambda rows: workspace_objects(self.actor, rows),
                lambda rows: included_objects(self.actor, asked, rows),
            )
        )

    def post(self, request: Request, organization_name: str) -> Response:
        organization = organization_of(self.actor, organization_name)
        body = body_of(request, "workspaces")
        fields = {"name": ""} | defaults_of(request) | fields_of(body, organization) | self.project(body, organization)
        with transaction.atomic():
            workspace = create_workspace(organization, by=self.actor, **fields)
            if tags := sent_tags(body):
                tag_workspace(workspace, tags, by=self.actor)
        return Response(workspace_document(self.actor, workspace), status=HTTPStatus.CREATED)


class WorkspaceView(ChangingView):
    """``workspaces/ID`` and ``organizations/O/workspaces/W``."""

    def get(self, request: Request, **names: str) -> Response:
        return self._answer(request, self.workspace(**names))

    def patch(self, request: Request, **names: str) -> Response:
        workspace = self.workspace(**names)
        body = body_of(request, "workspaces")
        organization = workspace.organization
        changes = fields_of(body, organization) | without_repository(body, workspace) | self.project(body, organization)
        with transaction.atomic():
            update_workspace(workspace, changes, by=self.actor)
            if body.related_many("tag-bindings") is not None:
                tag_workspace(workspace, sent_tags(body), by=self.actor, replace=True)
        return self._answer(request, workspace)

    def delete(self, request: Request, **names: str) -> Response:
        delete_workspace(self.workspace(**names), by=self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)

    def workspace(self, workspace_id: str = "", organization_name: str = "", workspace_name: str = "") -> Workspace:
        """Return the workspace of the address. Raises NotFound."""
        if workspace_id:
            return workspace_of(self.actor, workspace_id)
        return workspace_named(self.actor, organization_name, workspace_name)

    def _answer(self, request: Request, workspace: Workspace) -> Response:
        return Response(workspace_document(self.actor, workspace, asked_includes(request)))


class SafeDeleteView(WorkspaceView):
    """``actions/safe-delete``: delete a workspace that manages nothing any more."""

    http_method_names = ("post",)

    def post(self, request: Request, **names: str) -> Response:
        safely_delete_workspace(self.workspace(**names), by=self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)
