"""Who makes the change at hand, and by which door; what the history writes down beside each change."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse

from workspaces.actors import Actor, TokenUser, name_of
from workspaces.choices import ActorKind, Door

_DOORS = (
    ("/admin", Door.PANEL),
    ("/runs", Door.PANEL),
    ("/sign-in", Door.PANEL),
    ("/remote/tfe/v2", Door.TERMINAL),
    ("/api/v2", Door.TERMINAL),
    ("/executor/", Door.EXECUTOR),
    ("/webhook/", Door.GIT),
)


@dataclass(slots=True)
class Caller:
    """A door with the actor who came in by it; ``name`` says who caused a change that no actor made themselves."""

    door: str
    actor: Actor = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Who:
    """What the history keeps of a caller; ``name`` is empty for the site itself."""

    kind: str
    name: str
    door: str


_current: ContextVar[Caller | None] = ContextVar("caller", default=None)
_acting: ContextVar[Actor] = ContextVar("acting", default=None)


@contextmanager
def calling(door: str, actor: Actor = None, *, name: str = "") -> Iterator[None]:
    """Name the door and the actor of all changes within."""
    token = _current.set(Caller(door, actor, name))
    try:
        yield
    finally:
        _current.reset(token)


def note_actor(actor: Actor) -> None:
    """Note the bearer of a request's token, which is known only after the request came in."""
    found = _current.get()
    if found is not None:
        found.actor = actor


def told_to_history[**P, R](service: Callable[P, R]) -> Callable[P, R]:
    """Decorate a service, so that the history names its actor ``by`` where no request names who makes the change.

    A task, a command or a webhook calls services for somebody; what they save says nothing of it.
    """

    @functools.wraps(service)
    def named(*args: P.args, **kwargs: P.kwargs) -> R:
        by: Any = kwargs.get("by")
        token = _acting.set(by if by is not None else _acting.get())
        try:
            return service(*args, **kwargs)
        finally:
            _acting.reset(token)

    return named


def current_who(by: Actor = None, *, door: str = "") -> Who:
    """Return who makes the change at hand; ``by`` is the actor where the caller of a service named one."""
    found = _current.get() or Caller(Door.SITE)
    actor = by if by is not None else found.actor
    name, kind = found.name, ActorKind.SITE
    # The user of a request is looked up only here.
    if by is None and (actor is None or not actor.is_authenticated):
        actor = _acting.get()
    if actor is not None and actor.is_authenticated:
        if not isinstance(actor, TokenUser):
            name, kind = name_of(actor), ActorKind.PERSON
        elif not actor.internal:
            name, kind = actor.team or name_of(actor), ActorKind.TEAM if actor.team else ActorKind.TOKEN
    return Who(kind, name[:256], door or found.door)


def door_of_path(path: str) -> str:
    """Return the door that a request's path belongs to."""
    return next((door for start, door in _DOORS if path.startswith(start)), Door.API)


def caller_of_request(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Return the middleware that names the door and the signed-in user of each request."""

    def middleware(request: HttpRequest) -> HttpResponse:
        with calling(door_of_path(request.path_info), request.user):
            return get_response(request)

    return middleware
