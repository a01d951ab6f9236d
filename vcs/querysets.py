"""Who may read which rows of webhooks at providers and of what they delivered: members of the organization."""

from __future__ import annotations

from typing import Any

from workspaces.querysets import ScopedQuerySet


class RepositoryHookQuerySet(ScopedQuerySet[Any]):
    path = "vcs__organization"


class DeliveryQuerySet(ScopedQuerySet[Any]):
    path = "hook__vcs__organization"
