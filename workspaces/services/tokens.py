"""Issue, read and revoke access tokens."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import jwt
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from terrakube_site.database.built_once import BuiltOnce
from terrakube_site.messages import message
from workspaces.actors import Actor, TokenUser, groups_of, is_admin, name_of, user_key
from workspaces.caller import told_to_history
from workspaces.errors import NotAllowed
from workspaces.models import Access, AccessToken, Identity, ProjectAccess, Team
from workspaces.services import oidc
from workspaces.services.verified_tokens import Claims, VerifiedTokens

ISSUER = "Terrakube"
INTERNAL_ISSUER = "TerrakubeInternal"
# Terrakube's own tolerance for clock skew.
LEEWAY_SECONDS = 60
MAIN_TEAM_TOKEN = "Main token of the team"  # noqa: S105 - a description
"""The description of the one token of a team that the cloud protocol reads and replaces without naming it."""


class InvalidToken(Exception):
    """A bearer token that this site did not issue, or that has expired or was revoked; never quotes the token."""


def _decoded(text: str) -> bytes:
    """Decode base64url text, with or without padding. Raises ValueError."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _key(secret: str) -> bytes:
    # Terrakube's secrets are base64url text.
    return _decoded(secret)


@told_to_history
def create_token(
    *, by: Actor, description: str = "", days: int = 0, expires_at: dt.datetime | None = None
) -> tuple[AccessToken, str]:
    """Create a personal token that acts for the caller. The text is shown only once.

    It expires after ``days`` or at ``expires_at``, with neither of them never. Raises NotAllowed for a team token: the
    new token would outlive the team.
    """
    if isinstance(by, TokenUser) and by.team:
        raise NotAllowed(_("A team token cannot create personal tokens. Create another team token."))
    groups = set(groups_of(by))
    if is_admin(by):
        groups.add(settings.ADMIN_GROUP)
    record = AccessToken.objects.create(
        user_id=user_key(by),
        name=name_of(by),
        email=name_of(by),
        groups=sorted(groups),
        description=description[:256],
        expires_at=timezone.now() + dt.timedelta(days=days) if days else expires_at,
        created_by=name_of(by),
        updated_by=name_of(by),
    )
    return record, _signed(record, name=f"{record.name} (Token)")


def require_membership(team: str, *, by: Actor) -> None:
    """Raise NotAllowed unless the actor is in a group or an administrator."""
    if team not in groups_of(by) and not is_admin(by):
        raise NotAllowed(message(_("You are not a member of {team}."), team=team))


@told_to_history
def create_team_token(
    *,
    by: Actor,
    team: str,
    description: str = "",
    seconds: int = 0,
    lifetime: Mapping[str, int] | None = None,
    expires_at: dt.datetime | None = None,
) -> tuple[AccessToken, str]:
    """Create a token that acts as a group. Raises NotAllowed for a caller who is not in it.

    It expires after ``seconds`` or at ``expires_at``, with neither of them never. ``lifetime`` is how the caller wrote
    the ``seconds``: 30 hours are shown as such, not as a day and 6 hours.
    """
    require_membership(team, by=by)
    record = AccessToken.objects.create(
        name=team,
        team=team,
        groups=[team],
        description=description[:256],
        expires_at=timezone.now() + dt.timedelta(seconds=seconds) if seconds else expires_at,
        lifetime=lifetime,
        created_by=name_of(by),
        updated_by=name_of(by),
    )
    return record, _signed(record, name=f"{team} (Team Token)")


@told_to_history
@transaction.atomic
def replace_main_team_token(*, by: Actor, team: str, expires_at: dt.datetime | None) -> tuple[AccessToken, str]:
    """Create the main token of a team and revoke the one before it. Raises NotAllowed for non-members."""
    require_membership(team, by=by)
    for former in main_team_tokens(team):
        revoke_token(former, by=by)
    return create_team_token(by=by, team=team, description=MAIN_TEAM_TOKEN, expires_at=expires_at)


def main_team_tokens(team: str) -> QuerySet[AccessToken]:
    """Return the main token of a team, at most one."""
    return AccessToken.objects.filter(team=team, description=MAIN_TEAM_TOKEN, deleted=False)


def _signed(record: AccessToken, *, name: str) -> str:
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "sub": name,
        "aud": [ISSUER],
        "jti": str(record.pk),
        "name": name,
        "email": record.email,
        "email_verified": True,
        "groups": record.groups,
        "description": record.description,
        "iat": int(record.created_date.timestamp()),
    }
    if record.expires_at is not None:
        claims["exp"] = int(record.expires_at.timestamp())
    return jwt.encode(claims, _key(settings.PAT_SECRET), algorithm="HS256")


def internal_token(*, seconds: int) -> str:
    """Create a token of the installation itself, valid for some seconds; it has all rights."""
    claims = {"iss": INTERNAL_ISSUER, "sub": INTERNAL_ISSUER, "aud": [INTERNAL_ISSUER]}
    expires = timezone.now() + dt.timedelta(seconds=seconds)
    return jwt.encode({**claims, "exp": int(expires.timestamp())}, _key(settings.INTERNAL_SECRET), algorithm="HS256")


def own_tokens(actor: Actor) -> QuerySet[AccessToken]:
    """Return the actor's personal tokens that are not revoked."""
    return AccessToken.objects.filter(tokens_made_by(actor), team="", deleted=False)


def tokens_made_by(actor: Actor) -> Q:
    """Return the personal tokens of an actor: by user, or by name where no user is known."""
    key = user_key(actor)
    return Q(user=key) if key is not None else Q(user=None, created_by=name_of(actor))


def team_tokens(actor: Actor) -> QuerySet[AccessToken]:
    """Return the tokens of the actor's teams that are not revoked; administrators get those of all teams."""
    tokens = AccessToken.objects.filter(deleted=False).exclude(team="")
    return tokens if is_admin(actor) else tokens.filter(team__in=groups_of(actor))


@told_to_history
def revoke_token(record: AccessToken, *, by: Actor) -> None:
    """Revoke a token."""
    record.deleted = True
    record.updated_by = name_of(by)
    record.save(update_fields=["deleted", "updated_by", "updated_date"])


def retire_team_tokens(name: str, *, by: Actor) -> None:
    """Revoke the tokens of a deleted team, unless a team of that name, or an access, remains."""
    if not _is_group_used(name):
        AccessToken.objects.filter(team=name, deleted=False).update(
            deleted=True, updated_by=name_of(by), updated_date=timezone.now()
        )


def _is_group_used(name: str) -> bool:
    """Return whether any team or access names this group."""
    if name == settings.ADMIN_GROUP or Team.objects.filter(name=name).exists():
        return True
    return Access.objects.filter(name=name).exists() or ProjectAccess.objects.filter(name=name).exists()


def person_of_claims(claims: Mapping[str, Any]) -> TokenUser:
    """Return the user that an issuer's claims describe, ignoring invalid groups and an unverified email."""
    groups = claims.get("groups")
    names = {group for group in groups if isinstance(group, str)} if isinstance(groups, list) else set()
    email = "" if claims.get("email_verified") is False else str(claims.get("email") or "")
    name = claims.get("name") or email or claims.get("sub") or ""
    return TokenUser(name=str(name), email=email, groups=frozenset(names))


_verified = VerifiedTokens(LEEWAY_SECONDS)


def _verified_claims(token: str, kind: str, secrets: tuple[str, ...], **checks: Any) -> Claims:
    """Return the claims of a token signed with one of the secrets: the newest, or an older one still configured.

    All tokens of a kind have the same checks. Raises PyJWTError.
    """
    return _verified.claims(token, (kind, secrets), lambda: _verify(token, secrets, **checks))


def _verify(token: str, secrets: tuple[str, ...], **checks: Any) -> Claims:
    for secret in secrets[:-1]:
        try:
            return _decode(token, secret, **checks)
        except jwt.InvalidSignatureError:
            continue
    return _decode(token, secrets[-1], **checks)


def _decode(token: str, secret: str, **checks: Any) -> Claims:
    claims: Claims = jwt.decode(token, _key(secret), algorithms=["HS256"], leeway=LEEWAY_SECONDS, **checks)
    return claims


def _claimed_issuer(token: str) -> Any:
    """Return who a token says has issued it, which selects how it is verified. Raises ValueError."""
    # Not by the package for tokens, which would decode all of the token a second time.
    payload = token.split(".", 2)[1:2]
    claims = json.loads(_decoded(payload[0])) if payload else None
    if not isinstance(claims, dict):
        raise ValueError("The token has no claims")
    return claims.get("iss")


def user_of(token: str) -> TokenUser:
    """Return the bearer of a token. Raises InvalidToken."""
    try:
        issuer = _claimed_issuer(token)
        if issuer == INTERNAL_ISSUER:
            secrets = (settings.INTERNAL_SECRET, *settings.OLD_INTERNAL_SECRETS)
            claims = _verified_claims(token, issuer, secrets, options={"verify_aud": False, "require": ["exp"]})
            return TokenUser(name="TerrakubeInternal", email=str(claims.get("email", "")), internal=True)
        if oidc.is_issuer(issuer):
            return _person_of_issuer_token(oidc.claims_of(token))
        secrets = (settings.PAT_SECRET, *settings.OLD_PAT_SECRETS)
        claims = _verified_claims(token, ISSUER, secrets, audience=ISSUER, issuer=ISSUER, options={"require": ["jti"]})
        key = UUID(str(claims["jti"]))
    except (jwt.PyJWTError, oidc.IssuerError, ValueError, TypeError, RecursionError) as error:
        raise InvalidToken("The token is not valid") from error
    known = _find_token_owner(key)
    return TokenUser(
        name=str(claims.get("name", "")),
        email=str(claims.get("email", "")),
        groups=known.groups,
        user_id=known.user_id,
        team=known.team,
    )


def _person_of_issuer_token(claims: dict[str, Any]) -> TokenUser:
    """Return the user of an issuer's token. Raises InvalidToken for a user who was deactivated here."""
    identity = Identity.objects.filter(issuer=settings.OIDC_ISSUER, subject=str(claims.get("sub") or ""))
    user = identity.values_list("user_id", "user__is_active").first()
    if user is not None and not user[1]:
        raise InvalidToken("The user of the token is not active")
    return replace(person_of_claims(claims), user_id=user[0] if user is not None else None, claims=claims)


@dataclass(frozen=True, slots=True)
class _TokenOwner:
    """The user, team and groups that an issued token acts for now."""

    groups: frozenset[str]
    user_id: int | None
    team: str


def _rows_of_token(key: UUID) -> QuerySet[AccessToken, Any]:
    teams, accesses, of_projects = (
        model.objects.filter(name=OuterRef("team")) for model in (Team, Access, ProjectAccess)
    )
    return (
        AccessToken.objects.filter(pk=key)
        .order_by()
        .values(
            "deleted",
            "team",
            "groups",
            "user_id",
            "user__is_active",
            "user__is_superuser",
            "user__groups__name",
            is_named=Exists(teams) | Exists(accesses) | Exists(of_projects),
        )
    )


_TOKEN = BuiltOnce(_rows_of_token)


def _find_token_owner(key: UUID) -> _TokenOwner:
    """Look up a token, its user and groups with one query. Raises InvalidToken for one that is no longer valid.

    The groups in a token are those of its creation, not the current ones.
    """
    rows = _TOKEN.rows(key)
    if not rows or rows[0]["deleted"]:
        raise InvalidToken("The token was revoked")
    first = rows[0]
    if first["team"]:
        if not first["is_named"] and first["team"] != settings.ADMIN_GROUP:
            raise InvalidToken("The team of the token is gone")
        return _TokenOwner(frozenset({first["team"]}), None, first["team"])
    if first["user_id"] is None:
        return _TokenOwner(frozenset(map(str, first["groups"])), None, "")
    if not first["user__is_active"]:
        raise InvalidToken("The user of the token is not active")
    groups = {row["user__groups__name"] for row in rows if row["user__groups__name"]}
    if first["user__is_superuser"]:
        groups.add(settings.ADMIN_GROUP)
    return _TokenOwner(frozenset(groups), first["user_id"], "")
