"""Tokens of the OpenID Connect issuer: its keys by discovery, kept for a while."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import jwt
from django.conf import settings

from terrakube_site.outgoing import OutgoingError, ask

# What an issuer signs with; a shared secret is never one of these.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
TIMEOUT_SECONDS = 10
KEEP_SECONDS = 3600
RETRY_SECONDS = 30
_LARGEST_BYTES = 2**20


class IssuerError(Exception):
    """The issuer gives no keys, or none of a token's name."""


@dataclass(slots=True)
class Keys:
    """The keys of an issuer by their ids.

    They are asked for again after an hour, and for an id that is not among them, but never more than twice a minute:
    what a token calls its key is anyone's text.
    """

    issuer: str
    by_id: dict[str, jwt.PyJWK] = field(default_factory=dict)
    fetched_at: float = -KEEP_SECONDS
    tried_at: float = -RETRY_SECONDS
    _lock: Lock = field(default_factory=Lock)

    def find(self, key_id: str) -> jwt.PyJWK:
        """The key of an id. Raises IssuerError."""
        with self._lock:
            now = time.monotonic()
            missing = key_id not in self.by_id or now - self.fetched_at >= KEEP_SECONDS
            if missing and now - self.tried_at >= RETRY_SECONDS:
                self.tried_at = now
                try:
                    self.by_id, self.fetched_at = _fetch(self.issuer), now
                except IssuerError:
                    # The keys that are known stay good while the issuer is away.
                    if key_id not in self.by_id:
                        raise
            if key_id not in self.by_id:
                raise IssuerError(f"{self.issuer} has no such key")
            return self.by_id[key_id]


def issuer_host() -> str:
    """The host that the setting names; it may be private, as an issuer in the cluster is."""
    return (urlsplit(settings.OIDC_ISSUER).hostname or "").lower()


def _get(address: str) -> Any:
    try:
        answer = ask(address, timeout=TIMEOUT_SECONDS, largest=_LARGEST_BYTES, trusted={issuer_host()})
        if answer.status != HTTPStatus.OK:
            raise IssuerError(f"{urlsplit(address).hostname} answers {answer.status}")
        return json.loads(answer.content)
    except (OutgoingError, ValueError) as error:
        raise IssuerError(f"{urlsplit(address).hostname} does not answer as an issuer: {error}") from error


def _fetch(issuer: str) -> dict[str, jwt.PyJWK]:
    configuration = _get(f"{issuer}/.well-known/openid-configuration")
    if not isinstance(configuration, dict) or not isinstance(configuration.get("jwks_uri"), str):
        raise IssuerError(f"{issuer} names no keys")
    try:
        keys = jwt.PyJWKSet.from_dict(_get(configuration["jwks_uri"])).keys
    except (jwt.PyJWTError, AttributeError, TypeError) as error:
        raise IssuerError(f"{issuer} has no keys that can be used") from error
    return {key.key_id: key for key in keys if key.key_id}


@lru_cache(maxsize=4)
def _keys_of(issuer: str) -> Keys:
    return Keys(issuer)


def is_issuer(name: object) -> bool:
    """Whether a token says that it is from the installation's issuer."""
    return bool(settings.OIDC_ISSUER) and isinstance(name, str) and name.rstrip("/") == settings.OIDC_ISSUER


def claims_of(token: str) -> dict[str, Any]:
    """The claims of an issuer's token whose signature, audience and times are right.

    Raises PyJWTError and IssuerError.
    """
    key = _keys_of(settings.OIDC_ISSUER).find(str(jwt.get_unverified_header(token).get("kid")))
    claims: dict[str, Any] = jwt.decode(
        token,
        key.key,
        algorithms=ALGORITHMS,
        audience=settings.OIDC_CLIENT_ID,
        issuer=[settings.OIDC_ISSUER, f"{settings.OIDC_ISSUER}/"],
        leeway=60,
        options={"require": ["exp"]},
    )
    return claims
