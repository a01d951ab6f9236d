"""Signed addresses: terminals upload without a token, so the address itself is the permission for one upload."""

from __future__ import annotations

from uuid import UUID

from django.core.signing import BadSignature, TimestampSigner

from workspaces.models.state import UPLOAD_SECONDS

STATE_SALT = "state-version-upload"
JSON_SALT = "state-version-json-upload"


def signed(key: UUID, salt: str) -> str:
    """Return what makes an address good for an upload, for an hour."""
    return TimestampSigner(salt=salt).sign(str(key)).partition(":")[2]


def is_signed(key: UUID, token: str, salt: str) -> bool:
    """Return whether an address is good for an upload, compared in constant time."""
    try:
        TimestampSigner(salt=salt).unsign(f"{key}:{token}", max_age=UPLOAD_SECONDS)
    except BadSignature:
        return False
    return True
