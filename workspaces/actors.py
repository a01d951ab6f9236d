"""Who makes a request: a user of the panel or the bearer of a token, and the groups they act with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Union

from django.conf import settings

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUser:
    """The bearer of an access token; ``internal`` is the installation itself, which passes every check.

    ``user_id`` is the key of the token's user, None where none is known here; ``team`` is the group that a team token
    acts as. ``claims`` are those of an issuer's token. ``request_cache`` caches look-ups for the token's request.
    """

    name: str
    email: str = ""
    groups: frozenset[str] = field(default_factory=frozenset)
    internal: bool = False
    user_id: int | None = None
    team: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    is_authenticated: bool = True
    is_anonymous: bool = False
    is_active: bool = True
    is_staff: bool = False
    request_cache: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def pk(self) -> str:
        return self.email or self.name

    def __str__(self) -> str:
        return self.email or self.name


Actor = Union["AbstractBaseUser", "AnonymousUser", TokenUser, None]
"""Who asks; None is the program itself (a schedule, the sweep)."""


def groups_of(actor: Actor) -> frozenset[str]:
    """Return the names of the groups that an actor acts with; none for an inactive user."""
    if actor is None or not actor.is_authenticated or not actor.is_active:
        return frozenset()
    if isinstance(actor, TokenUser):
        return actor.groups
    cached: frozenset[str] | None = getattr(actor, "_group_names", None)
    if cached is None:
        groups: Any = getattr(actor, "groups")  # noqa: B009 - of whichever user model is in use
        cached = frozenset(groups.values_list("name", flat=True))
        # Cached: one request asks many times, and the groups do not change within it.
        setattr(actor, "_group_names", cached)  # noqa: B010 - not a field of the user
    return cached


def is_admin(actor: Actor) -> bool:
    """Return whether the actor is the program, the internal token, a superuser or in the admin group."""
    if actor is None:
        return True
    if not actor.is_authenticated or not actor.is_active:
        return False
    if isinstance(actor, TokenUser):
        return actor.internal or settings.ADMIN_GROUP in actor.groups
    return bool(getattr(actor, "is_superuser", False)) or settings.ADMIN_GROUP in groups_of(actor)


def user_key(actor: Actor) -> int | None:
    """Return the key of the user that an actor is or acts for; None where none is known here."""
    if actor is None or not actor.is_authenticated:
        return None
    if isinstance(actor, TokenUser):
        return actor.user_id
    return int(actor.pk)


def request_cache(actor: Actor) -> dict[str, Any]:
    """Return the per-request cache of look-ups about an actor."""
    if isinstance(actor, TokenUser):
        return actor.request_cache
    found: dict[str, Any] | None = getattr(actor, "_request_cache", None)
    if found is None:
        found = {}
        if actor is not None:
            setattr(actor, "_request_cache", found)  # noqa: B010 - not a field of the user
    return found


def name_of(actor: Actor) -> str:
    """Return the actor's name for the audit columns."""
    if actor is None:
        return "Internal"
    if isinstance(actor, TokenUser):
        return str(actor)
    return getattr(actor, "email", "") or actor.get_username() if actor.is_authenticated else "anonymous"
