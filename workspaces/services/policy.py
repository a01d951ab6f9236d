"""What a user does with the rules of a policy, and which workspaces break them now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_noop as _

from workspaces.access import Actor, is_admin, name_of
from workspaces.ephemeral.policy import Policy, Refusal
from workspaces.errors import NotAllowed
from workspaces.models import PolicyRule, Workspace
from workspaces.models.policy import policies_of
from workspaces.pod_variables import pod_variables
from workspaces.services.records import create_record, delete_record, update_record
from workspaces.services.saving import save_valid
from workspaces.variables import Inputs, under_policy


def _require_administrator(by: Actor) -> None:
    if not is_admin(by):
        raise NotAllowed(_("Only administrators may write the rules of the installation."))


def create_rule(rule: PolicyRule, *, by: Actor) -> PolicyRule:
    """Save a new rule. Raises NotAllowed, Duplicate, and InvalidInput for one that loosens a rule above it."""
    if rule.organization_id is not None:
        return create_record(rule, by=by)
    _require_administrator(by)
    rule.created_by = rule.updated_by = name_of(by)
    return save_valid(rule)


def update_rule(rule: PolicyRule, changes: Mapping[str, Any], *, by: Actor) -> PolicyRule:
    """Change a rule. Raises NotAllowed, Duplicate and InvalidInput, changing nothing."""
    if rule.organization_id is not None:
        return update_record(rule, changes, by=by)
    _require_administrator(by)
    for name, value in changes.items():
        setattr(rule, name, value)
    rule.updated_by = name_of(by)
    return save_valid(rule, update_fields={*changes, "updated_by", "updated_date"})


def delete_rule(rule: PolicyRule, *, by: Actor) -> None:
    """Remove a rule; what is below it counts from now on. Raises NotAllowed."""
    if rule.organization_id is not None:
        delete_record(rule, by=by)
        return
    _require_administrator(by)
    rule.delete()


@dataclass(frozen=True, slots=True)
class Violation:
    """A workspace whose next step would be refused: by what, and who says the value."""

    workspace: Workspace
    refusal: Refusal
    origin: str


def violations(
    workspaces: Sequence[Workspace], policies: Mapping[UUID, Policy] | None = None, *, setting: str | None = None
) -> Iterator[Violation]:
    """What the next step of each workspace would be refused for, with five queries in all.

    ``policies`` stands in for the saved ones, by organization; ``setting`` asks about one alone.
    """
    if policies is None:
        policies = policies_of({workspace.organization_id for workspace in workspaces})
    values = pod_variables(workspaces)
    for workspace in workspaces:
        inputs = under_policy(Inputs(environment=values[workspace.pk]), policies[workspace.organization_id])
        for refusal in inputs.refusals:
            if setting is None or refusal.setting == setting:
                value = inputs.environment.get(refusal.setting)
                yield Violation(workspace, refusal, value.origin if value else "")


def with_rule(policy: Policy, rule: PolicyRule) -> Policy:
    """A policy as it would be with one rule saved, in the place of its level's own for the same setting."""
    kept = [one for one in policy.rules if (one.setting, one.level) != (rule.setting, rule.level)]
    return Policy((*kept, rule.rule))
