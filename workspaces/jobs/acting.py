"""Who a schedule or job acts for: stored when it is saved, looked up when it acts."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model

from workspaces.actors import Actor, TokenUser, groups_of, name_of, user_key
from workspaces.models.acting import ActsFor

COLUMNS = ("acts_for_user_id", "acts_for_name", "acts_for_team", "acts_for_groups", "acts_for_site")


def keep_actor(record: ActsFor, actor: Actor) -> None:
    """Set for whom a record acts, without saving it."""
    record.acts_for_user_id = user_key(actor)
    record.acts_for_name = name_of(actor)[:256]
    record.acts_for_team = actor.team if isinstance(actor, TokenUser) else ""
    record.acts_for_site = actor is None or (isinstance(actor, TokenUser) and actor.internal)
    record.acts_for_groups = (
        sorted(groups_of(actor)) if record.acts_for_user_id is None and not record.acts_for_site else []
    )


def copy_actor(record: ActsFor, other: ActsFor) -> None:
    """Make a record act for the same actor as another one."""
    for name in COLUMNS:
        setattr(record, name, getattr(other, name))


def actor_behind(record: ActsFor) -> Actor:
    """Return for whom a record acts, with their current groups."""
    if record.acts_for_site:
        return None
    if record.acts_for_user_id is not None:
        # Read again: the stored value may predate the loss of a right.
        user: Any = get_user_model()._default_manager.filter(pk=record.acts_for_user_id).first()
        return user or TokenUser(name=record.acts_for_name)
    groups = frozenset(map(str, record.acts_for_groups))
    return TokenUser(name=record.acts_for_name, groups=groups, team=record.acts_for_team)
