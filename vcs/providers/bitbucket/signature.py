"""Signature and id of Bitbucket's deliveries, of Cloud and Data Center.

https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/
"""

from __future__ import annotations

from collections.abc import Mapping

from vcs.providers.signatures import has_hmac


def is_signed(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    return has_hmac(headers, "x-hub-signature", body=body, secret=secret, prefix="sha256=")


def delivery_id(headers: Mapping[str, str]) -> str:
    return headers.get("x-request-uuid", "") or headers.get("x-request-id", "")
