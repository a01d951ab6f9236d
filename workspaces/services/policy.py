"""Create, change and delete policy rules, and find the workspaces that violate them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_noop as _

from workspaces.actors import Actor, is_admin, name_of
from workspaces.caller import told_to_history
from workspaces.errors import NotAllowed
from workspaces.models import PolicyRule, Workspace
from workspaces.models.policy import policies_of
from workspaces.pods.catalogue import plain_name
from workspaces.pods.policy.rules import Policy, Refusal
from workspaces.services.records import create_record, delete_record, update_record
from workspaces.services.saving import save_valid
from workspaces.variables.in_force import Inputs, Value, apply_policy
from workspaces.variables.pod_settings import pod_variables


def _require_administrator(by: Actor) -> None:
    if not is_admin(by):
        raise NotAllowed(_("Only administrators may write the rules of the installation."))


@told_to_history
def create_rule(rule: PolicyRule, *, by: Actor) -> PolicyRule:
    """Save a new rule. Raises NotAllowed, Duplicate, and InvalidInput for one that loosens a rule above it."""
    if rule.organization_id is not None:
        return create_record(rule, by=by)
    _require_administrator(by)
    rule.created_by = rule.updated_by = name_of(by)
    return save_valid(rule)


@told_to_history
def update_rule(rule: PolicyRule, changes: Mapping[str, Any], *, by: Actor) -> PolicyRule:
    """Change a rule. Raises NotAllowed, Duplicate and InvalidInput, changing nothing."""
    if rule.organization_id is not None:
        return update_record(rule, changes, by=by)
    _require_administrator(by)
    for name, value in changes.items():
        setattr(rule, name, value)
    rule.updated_by = name_of(by)
    return save_valid(rule, update_fields={*changes, "updated_by"})


@told_to_history
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
    judged = _Judged(policies)
    for workspace in workspaces:
        for refusal, origin in judged.refusals(workspace, values[workspace.pk]):
            if setting is None or refusal.setting == setting:
                yield Violation(workspace, refusal, origin)


class _Judged:
    """What policies refuse, worked out once for all workspaces of an organization with the same variables."""

    def __init__(self, policies: Mapping[UUID, Policy]) -> None:
        self._policies = policies
        self._known: dict[tuple[UUID, Hashable], list[tuple[Refusal, str]]] = {}

    def refusals(self, workspace: Workspace, values: Mapping[str, Value]) -> list[tuple[Refusal, str]]:
        """Return what is refused in a workspace's pod settings, each with the origin of its value."""
        key = (workspace.organization_id, frozenset(values.items()))
        if key not in self._known:
            self._known[key] = list(_refused(values, self._policies[workspace.organization_id]))
        return self._known[key]


def _refused(values: Mapping[str, Value], policy: Policy) -> Iterator[tuple[Refusal, str]]:
    inputs = apply_policy(Inputs(environment=values), policy)
    for refusal in inputs.refusals:
        names = (refusal.setting, plain_name(refusal.setting))
        value = next((inputs.environment[name] for name in names if name in inputs.environment), None)
        yield refusal, value.origin if value else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequences:
    """What saving a rule would do: workspaces checked, those it would newly refuse, and the first of these."""

    checked: int
    refused: int
    first: Sequence[Violation]


def consequences_of(rule: PolicyRule, *, most: int) -> Consequences:
    """Return which workspaces a rule that is not saved yet would newly refuse; ``most`` are listed.

    A setting that is refused on a workspace already does not count. Takes seven queries, however many there are.
    """
    workspaces = _under(rule)
    before = policies_of({workspace.organization_id for workspace in workspaces})
    after = {key: with_rule(policy, rule) for key, policy in before.items()}
    return _difference(workspaces, before, after, most)


def consequences_of_saved(rule: PolicyRule, was: PolicyRule | None, *, most: int) -> Consequences:
    """Return which workspaces a rule newly refuses since it was saved; ``was`` is the rule before, None for a new one.

    Counts and costs the same as ``consequences_of``.
    """
    workspaces = _under(rule)
    after = policies_of({workspace.organization_id for workspace in workspaces})
    before = {key: _without_rule(policy, rule) for key, policy in after.items()}
    if was is not None:
        before = {key: with_rule(policy, was) for key, policy in before.items()}
    return _difference(workspaces, before, after, most)


def _under(rule: PolicyRule) -> list[Workspace]:
    """Return the workspaces that a rule applies to, by organization and name."""
    found = Workspace.objects.alive()
    if rule.organization_id is not None:
        found = found.filter(organization=rule.organization_id)
    named = found.select_related("organization").only("name", "organization__name", "organization_id")
    return list(named.order_by("organization__name", "name"))


def _difference(
    workspaces: Sequence[Workspace], before: Mapping[UUID, Policy], after: Mapping[UUID, Policy], most: int
) -> Consequences:
    values = pod_variables(workspaces)
    judged_before, judged_after = _Judged(before), _Judged(after)
    refused, first = 0, list[Violation]()
    for workspace in workspaces:
        known = {refusal.setting for refusal, _origin in judged_before.refusals(workspace, values[workspace.pk])}
        new = [
            Violation(workspace, refusal, origin)
            for refusal, origin in judged_after.refusals(workspace, values[workspace.pk])
            if refusal.setting not in known
        ]
        refused += bool(new)
        if refused <= most:
            first += new
    return Consequences(checked=len(workspaces), refused=refused, first=first)


def with_rule(policy: Policy, rule: PolicyRule) -> Policy:
    """Return a policy with one rule added, replacing the rule of the same level and setting."""
    return Policy((*_without_rule(policy, rule).rules, rule.rule), policy.clusters)


def _without_rule(policy: Policy, rule: PolicyRule) -> Policy:
    """Return a policy without the rule of a level and setting."""
    rules = tuple(one for one in policy.rules if (one.setting, one.level) != (rule.setting, rule.level))
    return Policy(rules, policy.clusters)
