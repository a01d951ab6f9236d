"""Organizations: list, read, create, change and delete; the features and the capacity that a command asks for."""

from __future__ import annotations

from http import HTTPStatus

from django.db.models import Q
from rest_framework.request import Request
from rest_framework.response import Response

from tfe.body import Body, body_of
from tfe.documents import Json, asked_includes, document, page_document, resource
from tfe.errors import Invalid
from tfe.included import objects_of
from tfe.lookup import organization_of, organization_of_reader
from tfe.organizations.documents import CONSTANT, organization_object
from tfe.project_keys import default_project_id
from tfe.views import TfeView
from workspaces.choices import ExecutionMode, JobStatus
from workspaces.models import Job, Organization, Step
from workspaces.services.organizations import create_organization, delete_organization, update_organization

_FEATURES = {
    "agents": False,
    "audit-logging": False,
    "cost-estimation": False,
    "global-run-tasks": False,
    "operations": True,
    "private-module-registry": False,
    "run-tasks": False,
    "sentinel": False,
    "sso": False,
    "state-storage": True,
    "teams": True,
    "vcs-integrations": False,
}
"""What the protocol knows, and whether this site has it; clients do not ask for what it has not."""


class OrganizationsView(TfeView):
    """``organizations``."""

    def get(self, request: Request) -> Response:
        visible = Organization.objects.visible_to(self.actor).alive().order_by("name")
        if asked := request.query_params.get("q"):
            visible = visible.filter(Q(name__icontains=asked) | Q(email__icontains=asked))
        return Response(page_document(request, visible, lambda rows: [self._object(row) for row in rows]))

    def post(self, request: Request) -> Response:
        body = body_of(request, "organizations")
        organization = create_organization(by=self.actor, name=body.text("name"), **_fields(body))
        return Response(document(self._object(organization)), status=HTTPStatus.CREATED)

    def _object(self, organization: Organization) -> Json:
        return organization_object(organization, self.actor)


class OrganizationView(TfeView):
    """``organizations/O``."""

    def get(self, request: Request, organization_name: str) -> Response:
        organization = organization_of(self.actor, organization_name)
        asked = {"default_project", "default-project"} & asked_includes(request)
        project = [default_project_id(organization.pk)] if asked else []
        included = objects_of("projects", self.actor, project)
        return Response(document(organization_object(organization, self.actor), included))

    def patch(self, request: Request, organization_name: str) -> Response:
        organization = organization_of(self.actor, organization_name)
        body = body_of(request, "organizations")
        changes = _fields(body)
        if body.text("name"):
            changes["name"] = body.text("name")
        update_organization(organization, changes, by=self.actor)
        return Response(document(organization_object(organization, self.actor)))

    def delete(self, request: Request, organization_name: str) -> Response:
        delete_organization(organization_of(self.actor, organization_name), by=self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)


def _fields(body: Body) -> dict[str, str]:
    """Return the columns that a document sets. Raises Invalid for what the site does not have, and would drop."""
    for name, value in CONSTANT.items():
        sent = body.attributes.get(name)
        if sent is not None and sent != value:
            raise Invalid(f"{name} cannot be set here.", f"/data/attributes/{name}")
    found = {}
    if "email" in body:
        found["email"] = body.text("email", longest=254)
    if "description" in body:
        found["description"] = body.text("description", longest=256)
    if body.text("default-execution-mode"):
        found["execution_mode"] = body.text("default-execution-mode")
        if found["execution_mode"] not in ExecutionMode:
            raise Invalid("The execution mode is remote or local.", "/data/attributes/default-execution-mode")
    return found


class EntitlementsView(TfeView):
    """``organizations/O/entitlement-set``, which every command asks for first."""

    def get(self, request: Request, organization_name: str) -> Response:
        organization = organization_of_reader(self.actor, organization_name)
        return Response(document(resource("entitlement-sets", organization.name, _FEATURES)))


class CapacityView(TfeView):
    """``organizations/O/capacity``, for a terminal whose run waits."""

    def get(self, request: Request, organization_name: str) -> Response:
        organization = organization_of(self.actor, organization_name)
        steps, jobs = Step.objects.filter(job__organization=organization), Job.objects.filter(organization=organization)
        attributes = {
            "pending": jobs.filter(status__in=[JobStatus.PENDING, JobStatus.APPROVED]).count(),
            "running": steps.in_executor().count(),
        }
        return Response(document(resource("organization-capacity", organization.name, attributes)))
