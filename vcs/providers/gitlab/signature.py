"""Secret and id of GitLab's deliveries: the secret itself is a header.

https://docs.gitlab.com/user/project/integrations/webhooks/#delivery-headers
"""

from __future__ import annotations

from collections.abc import Mapping

from vcs.providers.signatures import has_secret


def is_signed(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    return has_secret(headers, "x-gitlab-token", secret=secret)


def delivery_id(headers: Mapping[str, str]) -> str:
    return headers.get("idempotency-key", "") or headers.get("x-gitlab-event-uuid", "")
