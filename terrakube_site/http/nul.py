"""Refuse addresses with a NUL character, which PostgreSQL cannot search for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware
from django.utils.translation import gettext as _

type GetResponse = Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]


def _refusal(request: HttpRequest) -> HttpResponse | None:
    query = request.META.get("QUERY_STRING", "")
    if "\0" not in request.path and "%00" not in query and "\0" not in query:
        return None
    return HttpResponseBadRequest(_("The address contains a NUL character."), content_type="text/plain")


@sync_and_async_middleware
def without_nul(get_response: GetResponse) -> GetResponse:
    """Answer such an address with 400 before any view runs."""
    if iscoroutinefunction(get_response):

        async def asynchronous(request: HttpRequest) -> HttpResponseBase:
            answer: HttpResponseBase = _refusal(request) or await get_response(request)
            return answer

        return asynchronous

    def synchronous(request: HttpRequest) -> HttpResponseBase:
        answer = _refusal(request) or get_response(request)
        assert isinstance(answer, HttpResponseBase)  # noqa: S101 - the other branch has the coroutines
        return answer

    return synchronous
