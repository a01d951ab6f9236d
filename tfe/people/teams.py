"""Teams of an organization."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from tfe.body import Body, body_of
from tfe.documents import asked_includes, document, page_document
from tfe.errors import Invalid, NotFound
from tfe.lookup import key_of, organization_of
from tfe.people.documents import included_with, team_objects
from tfe.people.organization_access import access_changes
from tfe.views import TfeView
from workspaces.actors import Actor
from workspaces.models import Team
from workspaces.services.records import create_record, delete_record, require_right, update_record


def team_of(actor: Actor, key: str) -> Team:
    """Return a visible team by its id. Raises NotFound."""
    visible = Team.objects.visible_to(actor).filter(organization__disabled=False).select_related("organization")
    found: Team | None = visible.filter(pk=key_of(key)).first()
    if found is None:
        raise NotFound
    return found


def _fields(team: Team, body: Body) -> dict[str, Any]:
    """Return the fields that a request changes. Raises Invalid for what a team cannot be."""
    if body.text("visibility", "organization") != "organization":
        sentence = "All members of an organization see its teams: visibility is organization."
        raise Invalid(sentence, "/data/attributes/visibility")
    if body.text("sso-team-id"):
        sentence = "A team is the group of its name in the issuer's claims; it has no other id."
        raise Invalid(sentence, "/data/attributes/sso-team-id")
    if not body.flag("allow-member-token-management", True):
        sentence = "Members of a team may create its tokens: allow-member-token-management is true."
        raise Invalid(sentence, "/data/attributes/allow-member-token-management")
    found: dict[str, Any] = {"name": body.text("name", longest=64)} if body.text("name") else {}
    access = body.attributes.get("organization-access")
    return found if access is None else found | access_changes(team, access)


class TeamsView(TfeView):
    """``organizations/O/teams``; ``filter[names]`` names some, ``q`` is part of a name."""

    def get(self, request: Request, organization_name: str) -> Response:
        organization = organization_of(self.actor, organization_name)
        rows = Team.objects.visible_to(self.actor).filter(organization=organization).select_related("organization")
        if names := request.query_params.get("filter[names]", ""):
            rows = rows.filter(name__in=names.split(","))
        if text := request.query_params.get("q", ""):
            rows = rows.filter(name__icontains=text)
        asked = asked_includes(request)
        page = page_document(
            request,
            rows.order_by("name"),
            lambda found: team_objects(found, self.actor),
            lambda found: included_with(found, asked),
        )
        return Response(page)

    def post(self, request: Request, organization_name: str) -> Response:
        team = Team(organization=organization_of(self.actor, organization_name))
        require_right(team, by=self.actor, verb="create")
        fields = _fields(team, body_of(request, "teams"))
        if "name" not in fields:
            raise Invalid("A team needs a name.", "/data/attributes/name")
        for name, value in fields.items():
            setattr(team, name, value)
        create_record(team, by=self.actor)
        return Response(document(team_objects([team], self.actor)[0]), status=HTTPStatus.CREATED)


class TeamView(TfeView):
    """``teams/ID``."""

    def get(self, request: Request, team_id: str) -> Response:
        team = team_of(self.actor, team_id)
        included = included_with([team], asked_includes(request))
        return Response(document(team_objects([team], self.actor)[0], included))

    def patch(self, request: Request, team_id: str) -> Response:
        team = team_of(self.actor, team_id)
        require_right(team, by=self.actor, verb="change")
        if fields := _fields(team, body_of(request, "teams")):
            update_record(team, fields, by=self.actor)
        return Response(document(team_objects([team], self.actor)[0]))

    def delete(self, request: Request, team_id: str) -> Response:
        delete_record(team_of(self.actor, team_id), by=self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)
