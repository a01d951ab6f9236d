"""Signature and id of deliveries of Gitea and Forgejo.

https://docs.gitea.com/usage/repository/webhooks
"""

from __future__ import annotations

from collections.abc import Mapping

from vcs.providers.signatures import has_hmac


def is_signed(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    return any(
        has_hmac(headers, name, body=body, secret=secret, prefix=prefix)
        for name, prefix in (("x-gitea-signature", ""), ("x-forgejo-signature", ""), ("x-hub-signature-256", "sha256="))
    )


def delivery_id(headers: Mapping[str, str]) -> str:
    return headers.get("x-gitea-delivery", "") or headers.get("x-forgejo-delivery", "")
