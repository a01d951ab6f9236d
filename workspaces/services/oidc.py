"""Verify tokens of the OpenID Connect issuer, with its keys cached after discovery."""

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

# Signature algorithms to accept; a shared secret is never one of them.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
TIMEOUT_SECONDS = 10
KEEP_SECONDS = 3600
RETRY_SECONDS = 30
_LARGEST_BYTES = 2**20


class IssuerError(Exception):
    """The issuer provides no keys, or none with the key ID of a token."""


def is_sign_in_offered() -> bool:
    """Return whether users can sign in through an issuer."""
    return bool(settings.OIDC_ISSUER and settings.OIDC_CLIENT_ID)


@dataclass(slots=True)
class Keys:
    """Caches the keys of an issuer by key ID.

    Fetches them again after an hour and for an unknown key ID, at most twice a minute: anyone can invent a key ID.
    """

    issuer: str
    by_id: dict[str, jwt.PyJWK] = field(default_factory=dict)
    fetched_at: float = -KEEP_SECONDS
    tried_at: float = -RETRY_SECONDS
    _lock: Lock = field(default_factory=Lock)

    def find(self, key_id: str) -> jwt.PyJWK:
        """Return the key with a key ID. Raises IssuerError."""
        with self._lock:
            now = time.monotonic()
            missing = key_id not in self.by_id or now - self.fetched_at >= KEEP_SECONDS
            if missing and now - self.tried_at >= RETRY_SECONDS:
                self.tried_at = now
                try:
                    self.by_id, self.fetched_at = _fetch(self.issuer), now
                except IssuerError:
                    # Cached keys stay valid while the issuer is unreachable.
                    if key_id not in self.by_id:
                        raise
            if key_id not in self.by_id:
                raise IssuerError(f"{self.issuer} has no such key")
            return self.by_id[key_id]


def issuer_host() -> str:
    """Return the host of the configured issuer; it may be private, since an issuer can run in the cluster."""
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
    """Return whether a token claims to be from the installation's issuer."""
    return bool(settings.OIDC_ISSUER) and isinstance(name, str) and name.rstrip("/") == settings.OIDC_ISSUER


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims of an issuer's token after verifying signature, audience and times.

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
