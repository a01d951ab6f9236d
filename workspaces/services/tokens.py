"""Access tokens: give out, read, revoke."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping
from typing import Any

import jwt
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from workspaces.access import Actor, TokenUser, groups_of, is_admin, name_of
from workspaces.errors import NotAllowed
from workspaces.models import AccessToken
from workspaces.services import oidc

ISSUER = "Terrakube"
INTERNAL_ISSUER = "TerrakubeInternal"
# Terrakube's own tolerance for clocks that differ.
LEEWAY_SECONDS = 60


class InvalidToken(Exception):
    """A bearer token that is none of ours, has expired or was revoked; the message never holds the token."""


def _key(secret: str) -> bytes:
    # Terrakube's secrets are base64url text, with or without padding.
    return base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))


def create_token(*, by: Actor, description: str = "", days: int = 0) -> tuple[AccessToken, str]:
    """A personal token with the caller's groups; ``days`` 0 never expires. The text is shown this once."""
    groups = set(groups_of(by))
    if is_admin(by):
        groups.add(settings.ADMIN_GROUP)
    record = AccessToken.objects.create(
        name=name_of(by),
        email=name_of(by),
        groups=sorted(groups),
        description=description[:256],
        expires_at=timezone.now() + dt.timedelta(days=days) if days else None,
        created_by=name_of(by),
        updated_by=name_of(by),
    )
    return record, _signed(record, name=f"{record.name} (Token)")


def create_team_token(*, by: Actor, team: str, description: str = "", seconds: int = 0) -> tuple[AccessToken, str]:
    """A token that acts as a group. Raises NotAllowed for a caller who is not in it."""
    if team not in groups_of(by) and not is_admin(by):
        raise NotAllowed(_("You are not a member of {team}.").format(team=team))
    record = AccessToken.objects.create(
        name=team,
        team=team,
        groups=[team],
        description=description[:256],
        expires_at=timezone.now() + dt.timedelta(seconds=seconds) if seconds else None,
        created_by=name_of(by),
        updated_by=name_of(by),
    )
    return record, _signed(record, name=f"{team} (Team Token)")


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
    """A token of the installation itself, for so many seconds: whoever has its keys has all its rights."""
    claims = {"iss": INTERNAL_ISSUER, "sub": INTERNAL_ISSUER, "aud": [INTERNAL_ISSUER]}
    expires = timezone.now() + dt.timedelta(seconds=seconds)
    return jwt.encode({**claims, "exp": int(expires.timestamp())}, _key(settings.INTERNAL_SECRET), algorithm="HS256")


def own_tokens(actor: Actor) -> QuerySet[AccessToken]:
    """The personal tokens that somebody made and that were not revoked."""
    return AccessToken.objects.filter(created_by=name_of(actor), team="", deleted=False)


def team_tokens(actor: Actor) -> QuerySet[AccessToken]:
    """The tokens of somebody's teams that were not revoked; an administrator sees those of all teams."""
    tokens = AccessToken.objects.filter(deleted=False).exclude(team="")
    return tokens if is_admin(actor) else tokens.filter(team__in=groups_of(actor))


def revoke_token(record: AccessToken, *, by: Actor) -> None:
    """Make a token useless from now on."""
    record.deleted = True
    record.updated_by = name_of(by)
    record.save(update_fields=["deleted", "updated_by", "updated_date"])


def person_of(claims: Mapping[str, Any]) -> TokenUser:
    """Who an issuer's claims speak of; groups that are no texts do not count, nor an email that it calls unverified."""
    groups = claims.get("groups")
    names = {group for group in groups if isinstance(group, str)} if isinstance(groups, list) else set()
    email = "" if claims.get("email_verified") is False else str(claims.get("email") or "")
    name = claims.get("name") or email or claims.get("sub") or ""
    return TokenUser(name=str(name), email=email, groups=frozenset(names))


def _read(token: str, secrets: tuple[str, ...], **checks: Any) -> dict[str, Any]:
    """The claims of a token that one of the secrets signed: the newest, or an older one while it is still named.

    Raises PyJWTError.
    """
    for secret in secrets[:-1]:
        try:
            return _decode(token, secret, **checks)
        except jwt.InvalidSignatureError:
            continue
    return _decode(token, secrets[-1], **checks)


def _decode(token: str, secret: str, **checks: Any) -> dict[str, Any]:
    return jwt.decode(token, _key(secret), algorithms=["HS256"], leeway=LEEWAY_SECONDS, **checks)


def user_of(token: str) -> TokenUser:
    """Who the bearer of a token is. Raises InvalidToken."""
    try:
        issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
        if issuer == INTERNAL_ISSUER:
            secrets = (settings.INTERNAL_SECRET, *settings.OLD_INTERNAL_SECRETS)
            claims = _read(token, secrets, options={"verify_aud": False, "require": ["exp"]})
            return TokenUser(name="TerrakubeInternal", email=str(claims.get("email", "")), internal=True)
        if oidc.is_issuer(issuer):
            return person_of(oidc.claims_of(token))
        secrets = (settings.PAT_SECRET, *settings.OLD_PAT_SECRETS)
        claims = _read(token, secrets, audience=ISSUER, issuer=ISSUER, options={"require": ["jti"]})
    except (jwt.PyJWTError, oidc.IssuerError, ValueError, TypeError) as error:
        raise InvalidToken("The token is not valid") from error
    try:
        record = AccessToken.objects.filter(pk=claims["jti"]).only("deleted").first()
    except ValueError as error:
        raise InvalidToken("The token is not valid") from error
    if record is None or record.deleted:
        raise InvalidToken("The token was revoked")
    groups = claims.get("groups") or []
    return TokenUser(
        name=str(claims.get("name", "")), email=str(claims.get("email", "")), groups=frozenset(map(str, groups))
    )
