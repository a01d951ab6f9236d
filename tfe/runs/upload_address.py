"""The address for an upload: Terraform sends no token with the archive, so the address itself is the permission."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner

from workspaces.models import ConfigurationVersion

UPLOAD_SECONDS = 3600
_signer = TimestampSigner(salt="configuration-version-upload")


def upload_address(version: ConfigurationVersion) -> str:
    """Return the address to which the archive of an upload is put, once and within an hour."""
    token = _signer.sign(str(version.pk)).partition(":")[2]
    return f"{settings.PUBLIC_URL}/remote/tfe/v2/configuration-versions/{version.pk}?token={token}"


def is_address_of(version_id: UUID, token: str) -> bool:
    """Return whether a token is that of an upload's address, and not too old."""
    try:
        _signer.unsign(f"{version_id}:{token}", max_age=UPLOAD_SECONDS)
    except BadSignature:
        return False
    return True
