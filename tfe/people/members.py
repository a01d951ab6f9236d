"""Members of teams and of organizations: a user is a member of an organization through a team there."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib.auth.models import User
from django.db.models import Q
from rest_framework.request import Request
from rest_framework.response import Response

from tfe.body import related_of
from tfe.documents import Json, asked_includes, document, page_document
from tfe.errors import NotFound
from tfe.lookup import key_of, number_of, organization_of
from tfe.people.documents import membership_objects, team_objects
from tfe.people.teams import team_of
from tfe.people.users import user_object
from tfe.views import TfeView
from workspaces.actors import Actor
from workspaces.models import Organization
from workspaces.services.people import add_members, members_of, remove_members, users_visible_to


class TeamUsersView(TfeView):
    """``teams/ID/relationships/users``; the ids are user names."""

    def post(self, request: Request, team_id: str) -> Response:
        team = team_of(self.actor, team_id)
        add_members(team, _names(request), by=self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)

    def delete(self, request: Request, team_id: str) -> Response:
        team = team_of(self.actor, team_id)
        remove_members(team, _names(request), by=self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)


def _names(request: Request) -> list[str]:
    return [one.key for one in related_of(request)]


class TeamMembershipsView(TfeView):
    """``teams/ID/relationships/organization-memberships``."""

    def post(self, request: Request, team_id: str) -> Response:
        team = team_of(self.actor, team_id)
        add_members(team, self._names(request), by=self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)

    def delete(self, request: Request, team_id: str) -> Response:
        team = team_of(self.actor, team_id)
        remove_members(team, self._names(request), by=self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)

    def _names(self, request: Request) -> list[str]:
        return [membership_of(self.actor, one.key)[1].username for one in related_of(request)]


def membership_of(actor: Actor, text: str) -> tuple[Organization, User]:
    """Return the organization and the user of a visible membership, by its id. Raises NotFound."""
    organization_key, hyphen, user_key = text.removeprefix("ou-").rpartition("-")
    if not hyphen or not text.startswith("ou-"):
        raise NotFound
    visible = Organization.objects.visible_to(actor).alive()
    organization: Organization | None = visible.filter(pk=key_of(organization_key)).first()
    number = number_of(f"user-{user_key}", "user-")
    if organization is None:
        raise NotFound
    user = members_of(organization).filter(pk__in=users_visible_to(actor).values("pk")).filter(pk=number).first()
    if user is None:
        raise NotFound
    return organization, user


def _included(organization: Organization, users: list[User], asked: frozenset[str], actor: Actor) -> list[Json]:
    found: list[Json] = [user_object(user) for user in users] if "user" in asked else []
    if "teams" in asked:
        teams = organization.teams.filter(
            name__in=User.groups.through.objects.filter(user__in=users).values("group__name")
        )
        found += team_objects(teams.select_related("organization"), actor)
    return found


class MembershipsView(TfeView):
    """``organizations/O/organization-memberships``; members are active, since nobody is invited by mail."""

    def get(self, request: Request, organization_name: str) -> Response:
        organization = organization_of(self.actor, organization_name)
        rows = members_of(organization).filter(pk__in=users_visible_to(self.actor).values("pk"))
        if emails := request.query_params.get("filter[email]", ""):
            rows = rows.filter(email__in=emails.split(","))
        if request.query_params.get("filter[status]", "active") != "active":
            rows = rows.none()
        if text := request.query_params.get("q", ""):
            rows = rows.filter(Q(email__icontains=text) | Q(username__icontains=text))
        asked = asked_includes(request)
        page = page_document(
            request,
            rows.order_by("username"),
            lambda users: membership_objects(organization, users),
            lambda users: _included(organization, users, asked, self.actor),
        )
        return Response(page)


class MembershipView(TfeView):
    """``organization-memberships/ID``."""

    def get(self, request: Request, membership_id: str) -> Response:
        organization, user = membership_of(self.actor, membership_id)
        included = _included(organization, [user], asked_includes(request), self.actor)
        return Response(document(membership_objects(organization, [user])[0], included))
