"""What every view of the protocol has: who calls, the shape of documents and refusals, the headers of each answer."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from tfe.errors import NotFound, exception_handler
from workspaces.api.authentication import BearerAuthentication
from workspaces.api.json_views import AnyJsonParser, OneForm
from workspaces.api.jsonapi.views import ApiView

HEADERS = {
    # The cloud block refuses less than 2.5; runs within a run ask for 2.6.
    "TFP-API-Version": "2.6",
    # Terraform shows only this name and that of the hosted service; any other appears as the latter.
    "TFP-AppName": "Terraform Enterprise",
    "X-TFE-Version": "v202409-1",
}


class TfeView(ApiView):
    """A view for the bearer of a token. What the caller may not see is 404, what he may not do 403 with a sentence."""

    schema = None
    authentication_classes = (BearerAuthentication,)  # type: ignore[assignment]
    parser_classes = (AnyJsonParser,)  # type: ignore[assignment]
    content_negotiation_class = OneForm

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
