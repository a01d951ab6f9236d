"""Each view's limit on bodies and their senders, checked before a body is read.

A view declares it in its attribute ``door``. Senders of large bodies are judged by the request's head only, so that
nothing of a stranger's body is stored; the view itself checks again.
"""

from __future__ import annotations

import io
import logging
from asyncio import get_running_loop
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.handlers.asgi import ASGIRequest
from django.db import DatabaseError, connections
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.utils.module_loading import import_string

from terrakube_site.http.body_limit import Allowed, Judge, Refusal, Scope, too_large
from terrakube_site.http.error_response import error_response

logger = logging.getLogger(__name__)
FORM_BYTES = 4 * 2**20
"""Of a form of the panel without files."""
_RETRY_SECONDS = 5

type Admit = Callable[[HttpRequest, Mapping[str, Any]], HttpResponse | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """The largest body that a view takes, in bytes, and who may send one.

    ``admit`` gets the request without its body and the parameters of its address; it returns the refusal to answer
    with, None for a caller who may continue.
    """

    limit: int
    admit: Admit


def user_of_session(request: HttpRequest) -> AbstractBaseUser | None:
    """Return the active user of a request's session, before any middleware has run."""
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if not key:
        return None
    request.session = import_string(f"{settings.SESSION_ENGINE}.SessionStore")(key)
    user = get_user(request)
    return user if isinstance(user, AbstractBaseUser) else None


def only_signed_in(request: HttpRequest, _arguments: Mapping[str, Any]) -> HttpResponse | None:
    """Admit users signed in to the panel."""
    return error_response("Sign in before you send so much.", 401) if user_of_session(request) is None else None


PANEL = Door(limit=FORM_BYTES, admit=only_signed_in)
"""The door of a view that says nothing of its own."""


def door_of(path: str) -> tuple[Door, Mapping[str, Any]]:
    """Return the door of an address, and the address's parameters."""
    try:
        found = resolve(path)
    except Resolver404:
        return PANEL, {}
    view: Any = found.func
    for holder in (view, getattr(view, "view_class", None)):
        door = getattr(holder, "door", None)
        if isinstance(door, Door):
            return door, found.kwargs
    return PANEL, found.kwargs


def _judged(scope: Scope, length: int | None) -> Allowed | Refusal:
    try:
        request = ASGIRequest(cast(Any, scope), io.BytesIO())
    except UnicodeDecodeError:
        return _as_refusal(error_response("The address is not UTF-8.", 400))
    door, arguments = door_of(request.path_info)
    try:
        refused = door.admit(request, arguments)
    except DatabaseError:
        # An unreachable database says nothing about the sender, who may retry.
        logger.warning("A large request was put off: the database did not answer", exc_info=True)
        refused = error_response("The site cannot reach its database. Try again in a few seconds.", 503)
        refused["Retry-After"] = str(_RETRY_SECONDS)
    if refused is not None:
        return _as_refusal(refused)
    return too_large(door.limit) if length is not None and length > door.limit else Allowed(door.limit)


def _as_refusal(response: HttpResponse) -> Refusal:
    headers = tuple((name.encode("ascii"), value.encode("latin-1")) for name, value in response.items())
    return Refusal(response.status_code, response.content, headers)


# A pool of its own, so that strangers cannot block other work.
_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="doors")


async def judge(scope: Scope, length: int | None) -> Allowed | Refusal:
    """Decide from a request's head whether to read its body, and up to how many bytes."""

    def decide() -> Allowed | Refusal:
        try:
            return _judged(scope, length)
        finally:
            # The thread is anybody's next; the web process's pool keeps the connection itself.
            connections.close_all()

    return await get_running_loop().run_in_executor(_threads, decide)


_: Judge = judge
