"""Users, the groups that the issuer's claims name for them, and the members of teams."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces.actors import Actor, TokenUser, is_admin, user_key
from workspaces.errors import InvalidInput, NotAllowed
from workspaces.models import Identity, Organization, Team
from workspaces.services.tokens import person_of_claims

_LONGEST = 150
_MOST_GROUPS = 1000


@transaction.atomic
def user_of_claims(issuer: str, claims: Mapping[str, Any]) -> tuple[User, str]:
    """Return the user of an issuer's claims, created at the first sign-in, and why the user may not enter the panel.

    Groups, staff and superuser status follow the claims at each sign-in, including removals: open sessions lose those
    rights too. Raises NotAllowed for claims without a user name.
    """
    subject = str(claims.get("sub") or "")
    if not subject or len(subject) > Identity.LONGEST_SUBJECT:
        raise NotAllowed(_("The issuer did not say who you are."))
    person = person_of_claims(claims)
    groups = sorted(name for name in person.groups if 0 < len(name) <= _LONGEST and "\0" not in name)[:_MOST_GROUPS]
    identity = (
        Identity.objects.select_for_update(of=("self",))
        .select_related("user")
        .filter(issuer=issuer, subject=subject)
        .first()
    )
    user: User
    if identity is None:
        user = User(
            username=_free_name(issuer, subject, person.email or claims.get("preferred_username") or person.name)
        )
        user.set_unusable_password()
    else:
        user = identity.user
    user.email = person.email[:254]
    user.first_name, user.last_name = _names(claims, person.name)
    user.is_superuser = settings.ADMIN_GROUP in groups
    user.is_staff = bool(groups)
    if not groups and identity is None:
        return user, _no_groups(person.email or person.name)
    user.save()
    if identity is None:
        Identity.objects.create(user=user, issuer=issuer, subject=subject)
    user.groups.set(_groups(groups))
    if not user.is_active:
        return user, "Your account is switched off here: ask an administrator."
    return user, "" if groups else _no_groups(person.email or person.name)


def as_user(actor: Actor) -> Actor:
    """Return the actor as a user of this site; the bearer of an issuer's token becomes the user of its claims.

    What the actor creates then follows that user. Raises NotAllowed where the issuer names no group, or no user.
    """
    if not isinstance(actor, TokenUser) or not actor.claims:
        return actor
    user, refusal = user_of_claims(settings.OIDC_ISSUER, actor.claims)
    if refusal:
        raise NotAllowed(refusal)
    return user


def users_visible_to(actor: Actor) -> QuerySet[User]:
    """Return the actor and the members of the organizations whose teams the actor sees; administrators see all."""
    if is_admin(actor):
        return User.objects.all()
    teams = Team.objects.visible_to(actor).filter(organization__disabled=False)
    groups = Group.objects.filter(name__in=teams.values("name"))
    own = Q(pk__in=[key for key in (user_key(actor),) if key is not None])
    return User.objects.filter(own | Q(pk__in=User.objects.filter(groups__in=groups).values("pk")))


def members_of(organization: Organization) -> QuerySet[User]:
    """Return the users who are in a team of an organization."""
    groups = Group.objects.filter(name__in=organization.teams.values("name"))
    return User.objects.filter(pk__in=User.objects.filter(groups__in=groups).values("pk"))


@transaction.atomic
def add_members(team: Team, usernames: Iterable[str], *, by: Actor) -> None:
    """Add users to the group of a team, by name. Raises NotAllowed and InvalidInput."""
    users = _changeable_members(team, usernames, by=by)
    (group,) = _groups([team.name])
    for user in users:
        user.groups.add(group)


@transaction.atomic
def remove_members(team: Team, usernames: Iterable[str], *, by: Actor) -> None:
    """Remove users from the group of a team, by name. Raises NotAllowed and InvalidInput."""
    for user in _changeable_members(team, usernames, by=by):
        user.groups.remove(*user.groups.filter(name=team.name))


def _changeable_members(team: Team, usernames: Iterable[str], *, by: Actor) -> list[User]:
    if not is_admin(by):
        # A group counts in each organization that has a team of its name.
        raise NotAllowed(_("Only administrators may change the members of a team."))
    wanted = list(dict.fromkeys(usernames))
    found = {user.username: user for user in User.objects.filter(username__in=wanted).select_related("identity")}
    for name in wanted:
        if name not in found:
            raise InvalidInput(message(_("No user is named {name}."), name=name))
        if hasattr(found[name], "identity"):
            sentence = _("{name} signs in through the issuer, whose groups replace those here: change {team} there.")
            raise InvalidInput(message(sentence, name=name, team=team.name))
    return [found[name] for name in wanted]


def _no_groups(name: str) -> str:
    return (
        f"You were signed in as {name}, but the issuer names no group of yours: ask an administrator to add you to one "
        "that is a team here."
    )


def _groups(names: Iterable[str]) -> list[Group]:
    wanted = list(names)
    # Two sign-ins at once may both try to create it.
    Group.objects.bulk_create([Group(name=name) for name in wanted], ignore_conflicts=True)
    return list(Group.objects.filter(name__in=wanted))


def _names(claims: Mapping[str, Any], name: str) -> tuple[str, str]:
    first, last = claims.get("given_name"), claims.get("family_name")
    if isinstance(first, str) and isinstance(last, str):
        return first[:_LONGEST], last[:_LONGEST]
    before, _, after = name.rpartition(" ")
    return (before or after)[:_LONGEST], (after if before else "")[:_LONGEST]


def _free_name(issuer: str, subject: str, wanted: object) -> str:
    """Return an unused user name, so that a sign-in never takes over an existing user."""
    clean = re.sub(r"[^\w.@+-]+", "-", str(wanted or subject)).strip("-")[:_LONGEST] or "user"
    if not User.objects.filter(username__iexact=clean).exists():
        return clean
    mark = hashlib.sha256(f"{issuer}\n{subject}".encode()).hexdigest()[:8]
    return f"{clean[: _LONGEST - 9]}-{mark}"
