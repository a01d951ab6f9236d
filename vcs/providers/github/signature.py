"""Signature and id of GitHub's deliveries.

https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

from __future__ import annotations

from collections.abc import Mapping

from vcs.providers.signatures import has_hmac


def is_signed(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    return has_hmac(headers, "x-hub-signature-256", body=body, secret=secret, prefix="sha256=")


def delivery_id(headers: Mapping[str, str]) -> str:
    return headers.get("x-github-delivery", "")
