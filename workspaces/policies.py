"""The rules that count for an organization: the built-in ones, the installation's and its own."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q

from workspaces.built_in_rules import built_in
from workspaces.ephemeral.policy import Policy, Rule
from workspaces.models.policy import PolicyRule


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
