"""Tokens of the caller and of the caller's teams; the text of one is in the answer to its creation alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from http import HTTPStatus

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from tfe.body import Body, body_of
from tfe.documents import Json, document, moment, page_document, resource, to_one
from tfe.errors import Invalid, NotFound
from tfe.identities import user_id
from tfe.lookup import key_of, organization_of
from tfe.people.teams import team_of
from tfe.people.users import caller_id, user_of
from tfe.views import TfeView
from workspaces.actors import Actor
from workspaces.errors import NotAllowed
from workspaces.models import AccessToken, Team
from workspaces.services.people import as_user
from workspaces.services.tokens import (
    MAIN_TEAM_TOKEN,
    create_team_token,
    create_token,
    main_team_tokens,
    own_tokens,
    replace_main_team_token,
    require_membership,
    revoke_token,
    team_tokens,
)

KIND = "authentication-tokens"
_YEARS = 2
"""How long a token is valid for which a client names no end, as in the hosted service."""
_LONGEST = dt.timedelta(days=36_500)
_SORTS = {
    "created-at": "created_date",
    "expired-at": "expires_at",
    "team-name": "team",
    "created-by": "created_by",
}


def token_objects(tokens: Sequence[AccessToken], teams: Iterable[Team] = ()) -> list[Json]:
    """Return tokens, without their texts; those of the named teams with their team."""
    by_name, makers = {team.name: team for team in teams}, _makers_of(tokens)
    return [_token_object(token, by_name.get(token.team), makers.get(token.created_by)) for token in tokens]


def _makers_of(tokens: Iterable[AccessToken]) -> dict[str, int]:
    """Return the keys of the users who created team tokens, by name, where the site knows a user of that name."""
    names = {token.created_by for token in tokens if token.user_id is None and token.created_by}
    if not names:
        return {}
    users = User.objects.filter(Q(email__in=names) | Q(username__in=names)).order_by("-pk")
    return {name: user.pk for user in users for name in (user.username, user.email) if name in names}


def _token_object(token: AccessToken, team: Team | None, maker: int | None, *, text: str | None = None) -> Json:
    """Return a token; ``text`` is the token itself, which is known once."""
    attributes = {
        "created-at": moment(token.created_date),
        "last-used-at": None,
        "expired-at": moment(token.expires_at),
        "description": None if token.description == MAIN_TEAM_TOKEN else token.description,
        "token": text,
    }
    relationships = {"created-by": to_one("users", user_id(token.user_id or maker, token.created_by))}
    if team is not None:
        relationships["team"] = to_one("teams", team.pk)
    return resource(KIND, token.pk, attributes, relationships)


def _expiry(body: Body) -> dt.datetime:
    """Return when a new token expires. Raises Invalid for a time that is past, or is none."""
    text, now = body.text("expired-at"), timezone.now()
    if not text:
        later = now.replace(day=min(now.day, 28)) if now.month == 2 else now
        return later.replace(year=now.year + _YEARS)
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("expired-at is a time such as 2026-01-31T10:00:00Z.", "/data/attributes/expired-at") from None
    found = found if found.tzinfo is not None else found.replace(tzinfo=dt.UTC)
    if not now < found < now + _LONGEST:
        raise Invalid("expired-at is in the future, within a hundred years.", "/data/attributes/expired-at")
    return found


def _created(token: AccessToken, text: str, team: Team | None = None) -> Response:
    maker = _makers_of([token]).get(token.created_by)
    response = Response(document(_token_object(token, team, maker, text=text)), status=HTTPStatus.CREATED)
    response["Cache-Control"] = "no-store"
    return response


class UserTokensView(TfeView):
    """``users/ID/authentication-tokens``, for the user alone."""

    def get(self, request: Request, user_id: str) -> Response:
        self._require_own(user_id)
        tokens = own_tokens(self.actor).order_by("-created_date")
        return Response(page_document(request, tokens, token_objects))

    def post(self, request: Request, user_id: str) -> Response:
        self._require_own(user_id)
        body = body_of(request, KIND)
        description = body.text("description", longest=256)
        return _created(*create_token(by=as_user(self.actor), description=description, expires_at=_expiry(body)))

    def _require_own(self, user_id: str) -> None:
        if user_id != caller_id(self.actor):
            user_of(self.actor, user_id)
            raise NotAllowed("Users read and create their own tokens only.")


class MainTeamTokenView(TfeView):
    """``teams/ID/authentication-token``: the one token of a team that has no description; a new one replaces it."""

    def get(self, request: Request, team_id: str) -> Response:
        team = self._team(team_id)
        return Response(document(token_objects([self._token(team)], [team])[0]))

    def post(self, request: Request, team_id: str) -> Response:
        team = self._team(team_id)
        expires_at = _expiry(body_of(request, KIND, required=False))
        token, text = replace_main_team_token(by=self.actor, team=team.name, expires_at=expires_at)
        return _created(token, text, team)

    def delete(self, request: Request, team_id: str) -> Response:
        revoke_token(self._token(self._team(team_id)), by=self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)

    def _team(self, team_id: str) -> Team:
        team = team_of(self.actor, team_id)
        require_membership(team.name, by=self.actor)
        return team

    def _token(self, team: Team) -> AccessToken:
        token = main_team_tokens(team.name).first()
        if token is None:
            raise NotFound
        return token


class TeamTokensView(TfeView):
    """``teams/ID/authentication-tokens``: tokens with descriptions, of which a team may have several."""

    def get(self, request: Request, team_id: str) -> Response:
        team = team_of(self.actor, team_id)
        require_membership(team.name, by=self.actor)
        rows = team_tokens(self.actor).filter(team=team.name).order_by("-created_date")
        return Response(page_document(request, rows, lambda found: token_objects(found, [team])))

    def post(self, request: Request, team_id: str) -> Response:
        team = team_of(self.actor, team_id)
        require_membership(team.name, by=self.actor)
        body = body_of(request, KIND)
        description = body.text("description", longest=256)
        if team_tokens(self.actor).filter(team=team.name, description=description).exists():
            # The words by which the clients know this refusal.
            sentence = "Validation failed: Description has already been taken"
            raise Invalid(sentence, "/data/attributes/description", title="invalid attributes")
        made = create_team_token(by=self.actor, team=team.name, description=description, expires_at=_expiry(body))
        return _created(*made, team)


class OrganizationTeamTokensView(TfeView):
    """``organizations/O/team-tokens``: of the caller's teams there; administrators see those of all."""

    def get(self, request: Request, organization_name: str) -> Response:
        organization = organization_of(self.actor, organization_name)
        teams = Team.objects.visible_to(self.actor).filter(organization=organization)
        rows = team_tokens(self.actor).filter(team__in=teams.values("name"))
        if text := request.query_params.get("q", ""):
            rows = rows.filter(team__icontains=text)
        asked = request.query_params.get("sort", "")
        column = _SORTS.get(asked.removeprefix("-"), "created_date")
        rows = rows.order_by(f"-{column}" if asked.startswith("-") else column, "pk")
        return Response(page_document(request, rows, lambda found: token_objects(found, teams)))


class TokenView(TfeView):
    """``authentication-tokens/ID``: of the caller and of the caller's teams."""

    def get(self, request: Request, token_id: str) -> Response:
        token = _token_of(self.actor, token_id)
        # Teams of several organizations may have the name.
        teams = Team.objects.visible_to(self.actor).filter(name=token.team).order_by("organization__name")[:1]
        return Response(document(token_objects([token], teams if token.team else ())[0]))

    def delete(self, request: Request, token_id: str) -> Response:
        revoke_token(_token_of(self.actor, token_id), by=self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)


def _token_of(actor: Actor, text: str) -> AccessToken:
    """Return a token of the caller or of one of the caller's teams. Raises NotFound."""
    key = key_of(text)
    for tokens in (own_tokens(actor), team_tokens(actor)):
        if (found := tokens.filter(pk=key).first()) is not None:
            return found
    raise NotFound
