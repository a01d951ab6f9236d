"""What every view of the protocol has: who calls, the shape of documents and refusals, the headers of each answer."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from executors.attempts.state_tokens import PREFIX, RunUser, bearer_of
from tfe.errors import NotFound, exception_handler
from tfe.state_rights import ONLY_READS
from workspaces.actors import TokenUser
from workspaces.api.authentication import BearerAuthentication
from workspaces.api.json_views import AnyJsonParser, OneForm
from workspaces.api.jsonapi.views import ApiView
from workspaces.errors import NotAllowed

HEADERS = {
    # The cloud block refuses less than 2.5; runs within a run ask for 2.6.
    "TFP-API-Version": "2.6",
    # Terraform shows only this name and that of the hosted service; any other appears as the latter.
    "TFP-AppName": "Terraform Enterprise",
    "X-TFE-Version": "v202409-1",
}


class AnyBearer(BearerAuthentication):
    """The bearer of a token of a user or a team, or of that of a running step."""

    def authenticate(self, request: Request) -> tuple[TokenUser, str] | None:
        scheme, _, text = get_authorization_header(request).partition(b" ")
        token = text.strip().decode("latin-1")
        if scheme.lower() != b"bearer" or not token.startswith(PREFIX):
            return super().authenticate(request)
        user = bearer_of(token)
        if user is None:
            raise AuthenticationFailed("The step that this token was made for has ended")
        return user, token


class TfeView(ApiView):
    """A view for the bearer of a token. What the caller may not see is 404, what he may not do 403 with a sentence."""

    schema = None
    authentication_classes = (AnyBearer,)  # type: ignore[assignment]
    parser_classes = (AnyJsonParser,)  # type: ignore[assignment]
    content_negotiation_class = OneForm

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if isinstance(self.actor, RunUser) and request.method not in SAFE_METHODS:
            raise NotAllowed(ONLY_READS)

    def get_exception_handler(self) -> Any:
        return exception_handler

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        return with_headers(super().finalize_response(request, response, *args, **kwargs))


def with_headers[R: HttpResponseBase](response: R) -> R:
    """Add the headers by which the clients tell what the server can do."""
    for name, text in HEADERS.items():
        response[name] = text
    return response


def ping(request: HttpRequest) -> HttpResponse:
    """Answer what every client asks first, with or without a token."""
    return with_headers(HttpResponse(status=HTTPStatus.NO_CONTENT))


class NothingHere(TfeView):
    """An address of the protocol that this site does not have."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFound

    def get(self, request: Request, path: str) -> Response:
        raise NotFound

    post = put = patch = delete = get
