"""The claims of tokens whose signature this process has verified, so that a next request need not verify it again."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

type Claims = Mapping[str, Any]

MOST_TOKENS = 1_000


@dataclass(frozen=True, slots=True)
class _Verified:
    claims: Claims
    not_before: float
    expires: float
    """Seconds since 1970."""


class VerifiedTokens:
    """Keeps claims by a hash of the token, and what it was verified with; never a token itself.

    ``leeway`` is the tolerance for clock skew, in seconds. Whether a token is revoked is the caller's to ask.
    """

    def __init__(self, leeway: float) -> None:
        self._leeway = leeway
        self._known: dict[Hashable, _Verified] = {}

    def claims(self, token: str, verified_with: Hashable, verify: Callable[[], Claims]) -> Claims:
        """Return the claims that ``verify`` returns, or has returned for this token while the token is valid.

        ``verified_with`` is all that the result of ``verify`` depends on beside token and time: secrets and checks.
        Raises what ``verify`` raises, as for a token that has expired meanwhile; nothing is kept of such a token.
        """
        key = (hashlib.sha256(token.encode()).digest(), verified_with)
        known, now = self._known.get(key), time.time()
        if known is not None and known.not_before <= now + self._leeway and now - self._leeway < known.expires:
            return known.claims
        self._known.pop(key, None)
        claims = verify()
        if len(self._known) >= MOST_TOKENS:
            self._known.clear()
        begins = max(int(claims.get("iat", 0)), int(claims.get("nbf", 0)))
        self._known[key] = _Verified(claims, begins, int(claims["exp"]) if "exp" in claims else float("inf"))
        return claims
