"""The built-in rules with this process's settings and service account."""

from __future__ import annotations

import base64
import functools
import json
from pathlib import Path
from typing import Any

from django.conf import settings

from workspaces.pods.policy.built_in import built_in_rules
from workspaces.pods.policy.rules import Rule

_ACCOUNT_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


@functools.cache
def own_account() -> str | None:
    """Return this process's service account; None outside a cluster or without a token."""
    try:
        payload = _ACCOUNT_TOKEN.read_text(encoding="ascii").split(".")[1]
        subject: Any = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))).get("sub", "")
    except (OSError, ValueError, IndexError):
        return None
    kind, _, name = str(subject).rpartition(":")
    return name if kind.startswith("system:serviceaccount:") else None


def built_in() -> tuple[Rule, ...]:
    """Return the built-in rules with the installation's settings."""
    own = own_account()
    # A pod with the site's keys runs no user's commands, unless the installation allows it.
    local = own is None if settings.EXECUTOR_LOCAL == "auto" else settings.EXECUTOR_LOCAL == "yes"
    return built_in_rules(
        own_accounts=(own,) if own else (),
        service_accounts=settings.EPHEMERAL_SERVICE_ACCOUNTS,
        claims=settings.EPHEMERAL_CLAIMS,
        root=settings.EPHEMERAL_ALLOW_ROOT,
        local=local,
    )
