"""Access of teams to single workspaces."""

from __future__ import annotations

from http import HTTPStatus

from rest_framework.request import Request
from rest_framework.response import Response

from tfe.body import body_of
from tfe.documents import Json, document, page_document, resource, to_one
from tfe.errors import Invalid, NotFound
from tfe.lookup import key_of, workspace_of
from tfe.people.accesses import give_access, named_key, team_keys
from tfe.people.workspace_access import access_changes, workspace_access
from tfe.views import TfeView
from workspaces.choices import TeamRole
from workspaces.models import Access
from workspaces.services.accesses import update_access
from workspaces.services.records import delete_record, require_right


def _objects(accesses: list[Access]) -> list[Json]:
    """Return accesses; one of a group that is no team of the organization has no team."""
    keys = team_keys((row.workspace.organization_id, row.name) for row in accesses)
    found = []
    for row in accesses:
        relationships = {
            "team": to_one("teams", keys.get((row.workspace.organization_id, row.name))),
            "workspace": to_one("workspaces", row.workspace_id),
        }
        found.append(resource("team-workspaces", row.pk, workspace_access(row), relationships))
    return found


class TeamWorkspacesView(TfeView):
    """``team-workspaces?filter[workspace][id]=ID``."""

    def get(self, request: Request) -> Response:
        key = request.query_params.get("filter[workspace][id]", "")
        if not key:
            raise Invalid("filter[workspace][id] names the workspace.")
        workspace = workspace_of(self.actor, key)
        rows = Access.objects.visible_to(self.actor).filter(workspace=workspace)
        return Response(page_document(request, rows.select_related("workspace").order_by("name"), _objects))

    def post(self, request: Request) -> Response:
        body = body_of(request, "team-workspaces")
        workspace = workspace_of(self.actor, named_key(body.related("workspace"), "workspace"))
        access = Access(workspace=workspace, role=TeamRole.CUSTOM)
        give_access(access, workspace.organization_id, body, access_changes, by=self.actor)
        return Response(document(_objects([access])[0]), status=HTTPStatus.CREATED)


class TeamWorkspaceView(TfeView):
    """``team-workspaces/ID``."""

    def get(self, request: Request, access_id: str) -> Response:
        return Response(document(_objects([self._access(access_id)])[0]))

    def patch(self, request: Request, access_id: str) -> Response:
        access = self._access(access_id)
        require_right(access, by=self.actor, verb="change")
        if changes := access_changes(access, body_of(request, "team-workspaces")):
            update_access(access, changes, by=self.actor)
        return Response(document(_objects([access])[0]))

    def delete(self, request: Request, access_id: str) -> Response:
        delete_record(self._access(access_id), by=self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)

    def _access(self, access_id: str) -> Access:
        visible = Access.objects.visible_to(self.actor).filter(
            workspace__deleted=False, workspace__organization__disabled=False
        )
        found: Access | None = visible.select_related("workspace__organization").filter(pk=key_of(access_id)).first()
        if found is None:
            raise NotFound
        return found
