"""The rules that count for an organization: the built-in ones, the installation's and its own."""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from workspaces.ephemeral.built_in import built_in_rules
from workspaces.ephemeral.policy import Level, Policy, Rule
from workspaces.models.policy import PolicyRule

_ACCOUNT_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


@functools.cache
def own_account() -> str | None:
    """The service account that this process runs as; None outside a cluster, or where it has no token."""
    try:
        payload = _ACCOUNT_TOKEN.read_text(encoding="ascii").split(".")[1]
        subject: Any = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))).get("sub", "")
    except (OSError, ValueError, IndexError):
        return None
    kind, _, name = str(subject).rpartition(":")
    return name if kind.startswith("system:serviceaccount:") else None


def built_in() -> tuple[Rule, ...]:
    """The rules that hold without any record, as the installation's settings have them."""
    own = own_account()
    # Beside its own keys a pod of the site runs nobody's commands, unless the installation says so.
    local = own is None if settings.EXECUTOR_LOCAL == "auto" else settings.EXECUTOR_LOCAL == "yes"
    return built_in_rules(
        own_accounts=(own,) if own else (),
        service_accounts=settings.EPHEMERAL_SERVICE_ACCOUNTS,
        claims=settings.EPHEMERAL_CLAIMS,
        root=settings.EPHEMERAL_ALLOW_ROOT,
        local=local,
    )


def rules_above(level: Level) -> Iterable[Rule]:
    """The rules that a rule of this level may not loosen."""
    if level is Level.ORGANIZATION:
        return (*built_in(), *(row.rule for row in PolicyRule.objects.filter(organization=None)))
    return built_in() if level is Level.INSTALLATION else ()


def policy_of(organization_id: UUID | None) -> Policy:
    """All rules for an organization, with one query; for None those of the installation alone."""
    rows = PolicyRule.objects.filter(Q(organization=None) | Q(organization=organization_id))
    return Policy((*built_in(), *(row.rule for row in rows)))


def policies_of(organization_ids: Iterable[UUID]) -> dict[UUID, Policy]:
    """The policy of each of several organizations, with one query."""
    wanted = set(organization_ids)
    shared: list[Rule] = list(built_in())
    own: dict[UUID, list[Rule]] = {key: [] for key in wanted}
    for row in PolicyRule.objects.filter(Q(organization=None) | Q(organization__in=wanted)):
        (shared if row.organization_id is None else own[row.organization_id]).append(row.rule)
    return {key: Policy((*shared, *rules)) for key, rules in own.items()}
