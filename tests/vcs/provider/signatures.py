"""How deliveries are signed."""

from __future__ import annotations

import hashlib
import hmac


def sha256(secret: str, body: bytes) -> str:
    """Return the HMAC-SHA256 of a body, in hex."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def sha1(secret: str, body: bytes) -> str:
    """Return the HMAC-SHA1 of a body, in hex."""
    return hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()
