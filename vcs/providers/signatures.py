"""Prove that a delivery comes from who knows the webhook's secret, over the bytes as they came. Pure."""

from __future__ import annotations

import hmac
from collections.abc import Mapping


def has_hmac(headers: Mapping[str, str], name: str, *, body: bytes, secret: str, prefix: str = "") -> bool:
    """Return whether a header, by its lower-case name, has the body's HMAC-SHA256 as hexadecimal digits."""
    digest = hmac.new(secret.encode(), body, "sha256").hexdigest()
    given = headers.get(name, "")
    return bool(secret) and is_same(given, prefix + digest)


def has_secret(headers: Mapping[str, str], name: str, *, secret: str) -> bool:
    """Return whether a header, by its lower-case name, has the secret itself."""
    return bool(secret) and is_same(headers.get(name, ""), secret)


def is_same(given: str, wanted: str) -> bool:
    """Compare two texts in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())
