"""Organizations: list, read, and the set of features that each command asks for first."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from tfe.documents import Json, document, page_document, resource
from tfe.lookup import organization_of
from tfe.organizations.documents import organization_object
from tfe.views import TfeView
from workspaces.models import Organization

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
        return Response(page_document(request, visible, lambda rows: [self._object(row) for row in rows]))

    def _object(self, organization: Organization) -> Json:
        return organization_object(organization, self.actor)


class OrganizationView(TfeView):
    """``organizations/O``."""

    def get(self, request: Request, organization_name: str) -> Response:
        organization = organization_of(self.actor, organization_name)
        return Response(document(organization_object(organization, self.actor)))


class EntitlementsView(TfeView):
    """``organizations/O/entitlement-set``, which every command asks for first."""

    def get(self, request: Request, organization_name: str) -> Response:
        organization = organization_of(self.actor, organization_name)
        return Response(document(resource("entitlement-sets", organization.name, _FEATURES)))
