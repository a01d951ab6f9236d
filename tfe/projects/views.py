"""Projects: list, create, read, change, delete, and move workspaces into one."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from tfe.body import Body, body_of, related_of
from tfe.documents import document, page_document, whole_document
from tfe.errors import Invalid
from tfe.lookup import organization_of, workspace_of
from tfe.project_keys import project_of
from tfe.projects.documents import project_object, project_objects
from tfe.views import TfeView
from workspaces.actors import Actor
from workspaces.errors import NotAllowed
from workspaces.models import Organization, Project
from workspaces.permissions import rights
from workspaces.services.projects import create_project, delete_project, update_project
from workspaces.services.workspaces import update_workspace
from workspaces.validation.names import DEFAULT_PROJECT

_MOST_AT_ONCE = 100


class ProjectsView(TfeView):
    """``organizations/O/projects``."""

    def get(self, request: Request, organization_name: str) -> Response:
        organization = organization_of(self.actor, organization_name)
        found = _listed(self.actor, organization, request)
        return Response(page_document(request, found, lambda rows: project_objects(self.actor, organization, rows)))

    def post(self, request: Request, organization_name: str) -> Response:
        organization = organization_of(self.actor, organization_name)
        body = body_of(request, "projects")
        _refuse_absent(body, organization)
        made = create_project(
            organization, by=self.actor, name=body.text("name"), description=body.text("description") or None
        )
        return Response(document(project_object(self.actor, organization, made)), status=HTTPStatus.CREATED)


def _listed(actor: Actor, organization: Organization, request: Request) -> list[Project | None]:
    """Return the projects that a request asks for, by name, the default project first."""
    projects = Project.objects.visible_to(actor).filter(organization=organization)
    named, text = request.query_params.get("filter[names]", ""), request.query_params.get("q", "").strip()
    names = {named, *(name.strip() for name in named.split(","))}
    if named:
        projects = projects.filter(name__in=names)
    if text:
        projects = projects.filter(name__icontains=text)
    with_default = (not named or DEFAULT_PROJECT in names) and text.casefold() in DEFAULT_PROJECT.casefold()
    return [*([None] if with_default else []), *projects.order_by("name", "pk")]


class ProjectView(TfeView):
    """``projects/ID``."""

    def get(self, request: Request, project_id: str) -> Response:
        organization, project = project_of(self.actor, project_id)
        return Response(document(project_object(self.actor, organization, project)))

    def patch(self, request: Request, project_id: str) -> Response:
        organization, project = project_of(self.actor, project_id)
        body = body_of(request, "projects")
        _refuse_absent(body, organization)
        if project is None:
            _refuse_default(self.actor, organization, "change")
        else:
            update_project(project, _changes(body), by=self.actor)
        return Response(document(project_object(self.actor, organization, project)))

    def delete(self, request: Request, project_id: str) -> Response:
        organization, project = project_of(self.actor, project_id)
        if project is None:
            _refuse_default(self.actor, organization, "delete")
        else:
            delete_project(project, by=self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)


def _refuse_absent(body: Body, organization: Organization) -> None:
    """Refuse what projects do not have here, and would be dropped. Raises Invalid."""
    mode = body.text("default-execution-mode") or organization.execution_mode
    if mode != organization.execution_mode:
        sentence = f"Projects have the execution mode of their organization, which is {organization.execution_mode}."
        raise Invalid(sentence, "/data/attributes/default-execution-mode")
    for name in ("auto-destroy-activity-duration", "default-agent-pool-id"):
        if body.attributes.get(name) is not None:
            raise Invalid(f"{name} cannot be set here.", f"/data/attributes/{name}")
    if body.related_many("tag-bindings"):
        raise Invalid("Projects have no tags here. Tag their workspaces instead.", "/data/relationships/tag-bindings")


def _changes(body: Body) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    if "name" in body:
        found["name"] = body.text("name")
    if "description" in body:
        found["description"] = body.text("description") or None
    return found


def _refuse_default(actor: Actor, organization: Organization, verb: str) -> None:
    """Refuse to change or delete a default project. Raises NotAllowed for who may change no project, else Invalid."""
    if not rights(actor, organization).manage_access:
        raise NotAllowed(f"You may not {verb} a project in {organization.name}.")
    raise Invalid(f"{DEFAULT_PROJECT} holds the workspaces without a project. It cannot be renamed or deleted.")


class WorkspacesOfProjectView(TfeView):
    """``projects/ID/relationships/workspaces``: workspaces are moved into the project, all or none."""

    def post(self, request: Request, project_id: str) -> Response:
        organization, project = project_of(self.actor, project_id)
        named = related_of(request)
        if len(named) > _MOST_AT_ONCE:
            raise Invalid(f"At most {_MOST_AT_ONCE} workspaces are moved at once.", "/data")
        with transaction.atomic():
            for one in named:
                workspace = workspace_of(self.actor, one.key)
                _check_organization(workspace.organization_id, organization)
                update_workspace(workspace, {"project": project}, by=self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)


def _check_organization(organization_id: UUID, organization: Organization) -> None:
    if organization_id != organization.pk:
        raise Invalid(f"Workspaces of another organization cannot be moved to {organization.name}.", "/data")


class TagsOfProjectView(TfeView):
    """``projects/ID/tag-bindings`` and ``effective-tag-bindings``: tags are of workspaces alone."""

    def get(self, request: Request, project_id: str) -> Response:
        project_of(self.actor, project_id)
        return Response(whole_document([]))
