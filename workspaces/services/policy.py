"""Create, change and delete policy rules, and find the workspaces that violate them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_noop as _

from workspaces.actors import Actor, is_admin, name_of
from workspaces.errors import NotAllowed
from workspaces.models import PolicyRule, Workspace
from workspaces.models.policy import policies_of
from workspaces.pods.catalogue import plain_name
from workspaces.pods.policy.rules import Policy, Refusal
from workspaces.services.records import create_record, delete_record, update_record
from workspaces.services.saving import save_valid
from workspaces.variables.in_force import Inputs, apply_policy
from workspaces.variables.pod_settings import pod_variables


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
    return save_valid(rule, update_fields={*changes, "updated_by"})


def delete_rule(rule: PolicyRule, *, by: Actor) -> None:
    """Delete a rule; rules below it then apply. Raises NotAllowed."""
    if rule.organization_id is not None:
        delete_record(rule, by=by)
        return
    _require_administrator(by)
    rule.delete()


@dataclass(frozen=True, slots=True)
class Violation:
    """A workspace whose next step would be refused, by which rules, and where the value comes from."""

    workspace: Workspace
    refusal: Refusal
    origin: str


def violations(
    workspaces: Sequence[Workspace], policies: Mapping[UUID, Policy] | None = None, *, setting: str | None = None
) -> Iterator[Violation]:
    """Return what would be refused at each workspace's next step, with five queries in all.

    ``policies``, by organization, replaces the saved ones; ``setting`` limits the search to one setting.
    """
    if policies is None:
        policies = policies_of({workspace.organization_id for workspace in workspaces})
    values = pod_variables(workspaces)
    for workspace in workspaces:
        inputs = apply_policy(Inputs(environment=values[workspace.pk]), policies[workspace.organization_id])
        for refusal in inputs.refusals:
            if setting is None or refusal.setting == setting:
                names = (refusal.setting, plain_name(refusal.setting))
                value = next((inputs.environment[name] for name in names if name in inputs.environment), None)
                yield Violation(workspace, refusal, value.origin if value else "")


def with_rule(policy: Policy, rule: PolicyRule) -> Policy:
    """Return a policy with one rule added, replacing the rule of the same level and setting."""
    kept = [one for one in policy.rules if (one.setting, one.level) != (rule.setting, rule.level)]
    return Policy((*kept, rule.rule))
