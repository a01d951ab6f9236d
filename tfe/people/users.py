"""The caller, and users of the caller's organizations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User
from rest_framework.request import Request
from rest_framework.response import Response

from tfe.documents import Json, document, resource
from tfe.errors import NotFound
from tfe.identities import user_id
from tfe.included import builds
from tfe.lookup import number_of
from tfe.views import TfeView
from workspaces.actors import Actor, TokenUser, is_admin, name_of, user_key
from workspaces.services.people import users_visible_to

PREFIX = "user-"


def caller_id(actor: Actor) -> str:
    """Return the id of the caller: of the user, or one made from the name where no user is known here."""
    return user_id(user_key(actor), _caller_name(actor))


def _caller_name(actor: Actor) -> str:
    return f"api-team-{actor.team}" if isinstance(actor, TokenUser) and actor.team else name_of(actor)


def user_of(actor: Actor, text: str) -> User:
    """Return a visible user by id. Raises NotFound."""
    user = users_visible_to(actor).filter(pk=number_of(text, PREFIX)).first()
    if user is None:
        raise NotFound
    return user


def user_object(user: User) -> Json:
    """Return a user as colleagues see one."""
    return _object(user_id(user.pk, user.username), user.username, user.email)


@builds("users")
def visible_users(actor: Actor, keys: Sequence[Any]) -> list[Json]:
    """Return the users with these keys whom the caller may see."""
    return [user_object(user) for user in users_visible_to(actor).filter(pk__in=keys).order_by("username")]


def caller_object(actor: Actor) -> Json:
    """Return the caller; a team token acts as no person."""
    team, key = isinstance(actor, TokenUser) and bool(actor.team), user_key(actor)
    user = User.objects.filter(pk=key).first() if key is not None else None
    if user is not None:
        found = user_object(user)
    else:
        email = str(getattr(actor, "email", ""))
        found = _object(caller_id(actor), _caller_name(actor), email, service_account=team)
    found["attributes"]["permissions"] = {
        "can-create-organizations": is_admin(actor),
        "can-change-email": False,
        "can-change-username": False,
        "can-manage-user-tokens": not team,
    }
    return found


def _object(key: str, username: str, email: str, *, service_account: bool = False) -> Json:
    attributes = {
        "username": username,
        "email": email,
        "is-service-account": service_account,
        "avatar-url": None,
        "two-factor": {"enabled": False, "verified": False},
        "v2-only": False,
    }
    return resource("users", key, attributes)


class AccountView(TfeView):
    """``account/details``: whom a token acts for; 401 for a token that is not valid."""

    def get(self, request: Request) -> Response:
        return Response(document(caller_object(self.actor)))


class UserView(TfeView):
    """``users/ID``."""

    def get(self, request: Request, user_id: str) -> Response:
        if user_id == caller_id(self.actor):
            return Response(document(caller_object(self.actor)))
        return Response(document(user_object(user_of(self.actor, user_id))))
