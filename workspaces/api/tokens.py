"""Personal tokens at /pat/v1, and tokens of teams at /access-token/v1/teams."""

from __future__ import annotations

import datetime as dt
from http import HTTPStatus
from typing import Any

from django.db.models import QuerySet
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from workspaces.actors import groups_of
from workspaces.api.errors import BadRequest, InvalidValue, ReadDenied, denying
from workspaces.api.json_views import PlainView, number, text
from workspaces.api.jsonapi.attributes import clean_text, key, snake
from workspaces.errors import NotAllowed
from workspaces.models import AccessToken, Organization, Workspace
from workspaces.permissions import rights
from workspaces.roles import Rights
from workspaces.services.people import as_user
from workspaces.services.tokens import create_team_token, create_token, own_tokens, revoke_token, team_tokens

_LONGEST_DAYS = 36_500
# The largest number of each part, and its seconds.
_PARTS = {"days": (_LONGEST_DAYS, 86_400), "hours": (999_999, 3600), "minutes": (9_999_999, 60)}
_MANAGE = ("State", "Workspace", "Module", "Provider", "Vcs", "Template", "Collection", "Job")
_RIGHTS = (*(f"manage{what}" for what in _MANAGE), "planJob", "approveJob")


def _moment(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds")


def _token_document(token: AccessToken) -> dict[str, Any]:
    return {
        "id": str(token.pk),
        "description": token.description,
        "deleted": token.deleted,
        "createdBy": token.created_by,
        "createdDate": _moment(token.created_date),
        "updatedBy": token.updated_by,
        "updatedDate": _moment(token.updated_date),
    }


def _lifetime(token: AccessToken) -> dt.timedelta:
    """Return how long a token was issued for; nothing for one without end."""
    if token.expires_at is None:
        return dt.timedelta()
    # The two times were a moment apart when it was created.
    return dt.timedelta(minutes=round((token.expires_at - token.created_date).total_seconds() / 60))


def _parts(token: AccessToken) -> dict[str, int]:
    """Return the days, hours and minutes that a token was requested for.

    Terrakube's provider replaces a token whose parts are not those of its configuration.
    """
    if token.lifetime is not None:
        return {name: token.lifetime[name] for name in _PARTS}
    lifetime = _lifetime(token)
    hours, seconds = divmod(lifetime.seconds, 3600)
    return {"days": lifetime.days, "hours": hours, "minutes": seconds // 60}


def _find(tokens: QuerySet[AccessToken], token_id: str) -> AccessToken:
    """Return one of the caller's tokens. Raises BadRequest, as Terrakube answers."""
    found = tokens.filter(pk=key(AccessToken, token_id)).first()
    if found is None:
        raise BadRequest("You have no such token")
    return found


class PersonalTokensView(PlainView):
    def get(self, request: Request) -> Response:
        rows = [{**_token_document(token), "days": _lifetime(token).days} for token in own_tokens(self.actor)]
        return Response(rows, status=HTTPStatus.ACCEPTED)

    def post(self, request: Request) -> Response:
        body = self.body()
        days = number(body, "days", highest=_LONGEST_DAYS)
        description = clean_text(text(body, "description"))
        with denying("Create"):
            _, token = create_token(by=as_user(self.actor), description=description, days=days)
        return Response({"token": token}, status=HTTPStatus.CREATED)


class PersonalTokenView(PlainView):
    def delete(self, request: Request, token_id: str) -> Response:
        revoke_token(_find(own_tokens(self.actor), token_id), by=self.actor)
        return Response(status=HTTPStatus.ACCEPTED)


class TeamTokensView(PlainView):
    def get(self, request: Request) -> Response:
        rows = []
        for token in team_tokens(self.actor):
            rows.append({**_token_document(token), **_parts(token), "group": token.team})
        return Response(rows, status=HTTPStatus.ACCEPTED)

    def post(self, request: Request) -> Response:
        body = self.body()
        group = clean_text(text(body, "group", longest=64))
        if not group:
            raise InvalidValue("", "group is the name of one of your groups")
        asked = {name: number(body, name, highest=highest) for name, (highest, _) in _PARTS.items()}
        try:
            _, token = create_team_token(
                by=self.actor,
                team=group,
                description=clean_text(text(body, "description")),
                seconds=sum(asked[name] * seconds for name, (_, seconds) in _PARTS.items()),
                lifetime=asked,
            )
        except NotAllowed:
            # Terrakube answers with no token rather than with an error, and its clients look for that.
            token = ""
        return Response({"token": token}, status=HTTPStatus.CREATED)


class TeamTokenView(PlainView):
    def delete(self, request: Request, token_id: str) -> Response:
        revoke_token(_find(team_tokens(self.actor), token_id), by=self.actor)
        return Response(status=HTTPStatus.ACCEPTED)


class CurrentTeamsView(PlainView):
    def get(self, request: Request) -> Response:
        return Response({"groups": sorted(groups_of(self.actor))}, status=HTTPStatus.ACCEPTED)


def _answer(found: Rights, *, permission: bool) -> Response:
    """Return the rights as they result from roles and flags; ``permission``: whether the caller says who has which."""
    given = {name: getattr(found, snake(name)) for name in _RIGHTS}
    return Response({**given, "managePermission": permission}, status=HTTPStatus.ACCEPTED)


class OrganizationRightsView(PlainView):
    """What the caller may do in an organization."""

    def get(self, request: Request, organization_id: Any) -> Response:
        organization = Organization.objects.visible_to(self.actor).filter(pk=organization_id).first()
        if organization is None:
            raise ReadDenied
        found = rights(self.actor, organization)
        return _answer(found, permission=found.manage_organization)


class WorkspaceRightsView(PlainView):
    """What the caller may do on a workspace."""

    def get(self, request: Request, organization_id: Any, workspace_id: Any) -> Response:
        visible = Workspace.objects.visible_to(self.actor).select_related("organization")
        workspace = visible.filter(pk=workspace_id, organization=organization_id).first()
        if workspace is None:
            raise ReadDenied
        found = rights(self.actor, workspace.organization, workspace)
        return _answer(found, permission=found.manage_access)


_teams = "access-token/v1/teams"
_permissions = f"{_teams}/permissions/organization/<uuid:organization_id>"
urlpatterns = [
    path("pat/v1", PersonalTokensView.as_view(), name="personal-tokens"),
    path("pat/v1/<str:token_id>", PersonalTokenView.as_view(), name="personal-token"),
    path(_teams, TeamTokensView.as_view(), name="team-tokens"),
    path(f"{_teams}/current-teams", CurrentTeamsView.as_view(), name="current-teams"),
    path(_permissions, OrganizationRightsView.as_view(), name="organization-rights"),
    path(f"{_permissions}/workspace/<uuid:workspace_id>", WorkspaceRightsView.as_view(), name="workspace-rights"),
    path(f"{_teams}/<str:token_id>", TeamTokenView.as_view(), name="team-token"),
]
app_name = "tokens"
