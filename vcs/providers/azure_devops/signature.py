"""Secret of Azure DevOps' deliveries: it signs nothing, so the subscription sends the secret as a header of its own."""

from __future__ import annotations

from collections.abc import Mapping

from vcs.providers.signatures import has_secret

SECRET_HEADER = "x-terrakube-token"  # noqa: S105 - a header's name


def is_signed(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    return has_secret(headers, SECRET_HEADER, secret=secret)


def delivery_id(headers: Mapping[str, str]) -> str:
    """Return no id: it is in the body."""
    return ""
