"""An id for each request, in all its log lines and in the answer's ``X-Request-ID``."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware
from structlog.contextvars import bind_contextvars, clear_contextvars

HEADER = "X-Request-ID"
# An id that a proxy may have set; other texts are not copied into logs.
_SAFE = re.compile(r"[A-Za-z0-9._-]{8,64}")

type GetResponse = Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]


def _begin(request: HttpRequest) -> str:
    given = request.headers.get(HEADER, "")
    request_id = given if _SAFE.fullmatch(given) else uuid.uuid4().hex
    clear_contextvars()
    bind_contextvars(request=request_id)
    return request_id


@sync_and_async_middleware
def request_ids(get_response: GetResponse) -> GetResponse:
    """Bind the request's id for the time of the request."""
    if iscoroutinefunction(get_response):

        async def asynchronous(request: HttpRequest) -> HttpResponseBase:
            request_id = _begin(request)
            response: HttpResponseBase = await get_response(request)
            response[HEADER] = request_id
            return response

        return asynchronous

    def synchronous(request: HttpRequest) -> HttpResponseBase:
        request_id = _begin(request)
        response = get_response(request)
        assert isinstance(response, HttpResponseBase)  # noqa: S101 - the other branch has the coroutines
        response[HEADER] = request_id
        return response

    return synchronous
