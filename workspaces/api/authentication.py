"""Authenticate the caller: the bearer of a token, or the browser's session with its CSRF token."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from terrakube_site.http.body_doors import user_of_session
from terrakube_site.http.error_response import error_response
from terrakube_site.http.failure_limit import WINDOW_SECONDS, FailureLimit
from workspaces.actors import Actor, TokenUser
from workspaces.caller import note_actor
from workspaces.services.tokens import InvalidToken, user_of

_REMEMBERED_SECONDS = 3600


class BearerAuthentication(BaseAuthentication):
    """``Authorization: Bearer <token>``; a wrong token is 401, and too many of them from one address 429."""

    def authenticate(self, request: Request) -> tuple[TokenUser, str] | None:
        scheme, _, text = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        token = text.strip().decode("latin-1")
        failures = _Failures(request)
        failures.refuse_more(token)
        try:
            user = user_of(token)
        except InvalidToken as error:
            failures.count()
            raise exceptions.AuthenticationFailed(str(error)) from None
        failures.remember(token)
        note_actor(user)
        return user, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def caller_of(request: HttpRequest) -> Actor | HttpResponse:
    """Return the caller of a request before its body is read; raises the refusal for an unknown one."""
    try:
        found = BearerAuthentication().authenticate(Request(request))
        user = found[0] if found is not None else user_of_session(request)
    except exceptions.Throttled:
        return error_response("Too many wrong tokens came from this address.", exceptions.Throttled.status_code)
    except exceptions.AuthenticationFailed:
        user = None
    if user is not None:
        return user
    response = HttpResponse(status=exceptions.NotAuthenticated.status_code)
    response["WWW-Authenticate"] = "Bearer"
    return response


def admit_caller(request: HttpRequest, _arguments: Mapping[str, Any]) -> HttpResponse | None:
    """Admit the bearer of a token, and users signed in to the panel."""
    found = caller_of(request)
    return found if isinstance(found, HttpResponse) else None


class _Failures:
    """The failed authentications of one address in the last minute.

    A proxy may make many callers look like one, so tokens that were valid recently are still tried; only unknown ones
    are refused unseen.
    """

    def __init__(self, request: HttpRequest) -> None:
        self._limit = FailureLimit(request, "api-auth")

    @staticmethod
    def _good(token: str) -> str:
        return f"api-auth-good:{hashlib.sha256(token.encode()).hexdigest()}"

    def refuse_more(self, token: str) -> None:
        if self._limit.is_reached and not cache.get(self._good(token)):
            raise exceptions.Throttled(WINDOW_SECONDS)

    def count(self) -> None:
        self._limit.count()

    def remember(self, token: str) -> None:
        cache.add(self._good(token), True, _REMEMBERED_SECONDS)
