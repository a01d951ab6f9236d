"""Who asks: a user of the panel or the bearer of a token, and the groups they act with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Union

from django.conf import settings

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUser:
    """The bearer of an access token. ``internal`` is the installation itself, which passes every check.

    ``remembered`` is for what was looked up of the bearer during the request that the token came with.
    """

    name: str
    email: str = ""
    groups: frozenset[str] = field(default_factory=frozenset)
    internal: bool = False
    is_authenticated: bool = True
    is_anonymous: bool = False
    is_active: bool = True
    is_staff: bool = False
    remembered: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def pk(self) -> str:
        return self.email or self.name

    def __str__(self) -> str:
        return self.email or self.name


Actor = Union["AbstractBaseUser", "AnonymousUser", TokenUser, None]
"""Who asks; None is the program itself (a schedule, the sweep)."""


def groups_of(actor: Actor) -> frozenset[str]:
    """The names of the groups that an actor acts with."""
    if actor is None or not actor.is_authenticated:
        return frozenset()
    if isinstance(actor, TokenUser):
        return actor.groups
    cached: frozenset[str] | None = getattr(actor, "_group_names", None)
    if cached is None:
        groups: Any = getattr(actor, "groups")  # noqa: B009 - of whichever user model is in use
        cached = frozenset(groups.values_list("name", flat=True))
        # One request asks many times, and a user's groups do not change within it.
        setattr(actor, "_group_names", cached)  # noqa: B010 - not a field of the user
    return cached


def is_admin(actor: Actor) -> bool:
    """Whether the actor is the program, the internal token, a superuser or in the admin group."""
    if actor is None:
        return True
    if not actor.is_authenticated:
        return False
    if isinstance(actor, TokenUser):
        return actor.internal or settings.ADMIN_GROUP in actor.groups
    return bool(getattr(actor, "is_superuser", False)) or settings.ADMIN_GROUP in groups_of(actor)


def remembered(actor: Actor) -> dict[str, Any]:
    """Where to keep what was looked up of an actor for as long as its request lasts."""
    if isinstance(actor, TokenUser):
        return actor.remembered
    found: dict[str, Any] | None = getattr(actor, "_remembered", None)
    if found is None:
        found = {}
        if actor is not None:
            setattr(actor, "_remembered", found)  # noqa: B010 - not a field of the user
    return found


def name_of(actor: Actor) -> str:
    """What the audit columns say of an actor."""
    if actor is None:
        return "Internal"
    if isinstance(actor, TokenUser):
        return str(actor)
    return getattr(actor, "email", "") or actor.get_username() if actor.is_authenticated else "anonymous"
