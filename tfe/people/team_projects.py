"""Access of teams to all workspaces of a project."""

from __future__ import annotations

from http import HTTPStatus

from rest_framework.request import Request
from rest_framework.response import Response

from tfe.body import body_of
from tfe.documents import Json, document, page_document, resource, to_one
from tfe.errors import Invalid, NotFound
from tfe.lookup import key_of
from tfe.people.accesses import give_access, named_key, team_keys
from tfe.people.project_access import access_changes, project_access
from tfe.project_keys import project_of
from tfe.views import TfeView
from workspaces.choices import TeamRole
from workspaces.models import ProjectAccess
from workspaces.services.accesses import update_access
from workspaces.services.records import delete_record, require_right


def _objects(accesses: list[ProjectAccess]) -> list[Json]:
    """Return accesses; one of a group that is no team of the organization has no team."""
    keys = team_keys((row.project.organization_id, row.name) for row in accesses)
    found = []
    for row in accesses:
        relationships = {
            "team": to_one("teams", keys.get((row.project.organization_id, row.name))),
            "project": to_one("projects", row.project_id),
        }
        found.append(resource("team-projects", row.pk, project_access(row), relationships))
    return found


class TeamProjectsView(TfeView):
    """``team-projects?filter[project][id]=ID``; the default project, which every workspace is in at first, has none."""

    def get(self, request: Request) -> Response:
        key = request.query_params.get("filter[project][id]", "")
        if not key:
            raise Invalid("filter[project][id] names the project.")
        _, project = project_of(self.actor, key)
        rows = ProjectAccess.objects.visible_to(self.actor).filter(project=project, project__isnull=False)
        return Response(page_document(request, rows.select_related("project").order_by("name"), _objects))

    def post(self, request: Request) -> Response:
        body = body_of(request, "team-projects")
        _, project = project_of(self.actor, named_key(body.related("project"), "project"))
        if project is None:
            sentence = (
                "The default project has no accesses. Give the team access to workspaces, or use another project."
            )
            raise Invalid(sentence, "/data/relationships/project")
        access = ProjectAccess(project=project, role=TeamRole.CUSTOM)
        give_access(access, project.organization_id, body, access_changes, by=self.actor)
        return Response(document(_objects([access])[0]), status=HTTPStatus.CREATED)


class TeamProjectView(TfeView):
    """``team-projects/ID``."""

    def get(self, request: Request, project_access_id: str) -> Response:
        return Response(document(_objects([self._access(project_access_id)])[0]))

    def patch(self, request: Request, project_access_id: str) -> Response:
        access = self._access(project_access_id)
        require_right(access, by=self.actor, verb="change")
        if changes := access_changes(access, body_of(request, "team-projects")):
            update_access(access, changes, by=self.actor)
        return Response(document(_objects([access])[0]))

    def delete(self, request: Request, project_access_id: str) -> Response:
        delete_record(self._access(project_access_id), by=self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)

    def _access(self, key: str) -> ProjectAccess:
        visible = ProjectAccess.objects.visible_to(self.actor).filter(project__organization__disabled=False)
        found: ProjectAccess | None = visible.select_related("project__organization").filter(pk=key_of(key)).first()
        if found is None:
            raise NotFound
        return found
