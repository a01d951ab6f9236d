"""``policyrule``: what the installation and its organizations allow for the variables that shape pods."""

from __future__ import annotations

from copy import copy
from typing import Any

from workspaces.actors import Actor
from workspaces.api.jsonapi.attributes import audit, of_columns
from workspaces.api.jsonapi.resource import Change, make, to_one
from workspaces.api.resources.changes import columns, deleting
from workspaces.errors import NotAllowed
from workspaces.models import PolicyRule
from workspaces.services.policy import Consequences, consequences_of_saved, create_rule, delete_rule, update_rule

MOST_NAMED = 100
"""Workspaces that an answer names."""


def _create(change: Change, actor: Actor) -> PolicyRule:
    record = create_rule(PolicyRule(**columns(change, PolicyRule)), by=actor)
    record.newly_refused = consequences_of_saved(record, None, most=MOST_NAMED)
    return record


def _update(record: PolicyRule, change: Change, actor: Actor) -> None:
    changes = columns(change, PolicyRule)
    if "organization" in changes and changes.pop("organization") != record.organization:
        raise NotAllowed("A rule stays in the organization, or the installation, for which it was made.")
    was = copy(record)
    update_rule(record, changes, by=actor)
    if changes.keys() - {"reason"}:
        record.newly_refused = consequences_of_saved(record, was, most=MOST_NAMED)


def _told(record: PolicyRule) -> dict[str, Any]:
    """Return what the answer to a save tells: the workspaces whose next step the rule newly refuses."""
    found: Consequences | None = record.newly_refused
    if found is None or not found.refused:
        return {}
    named: dict[Any, dict[str, Any]] = {}
    for one in found.first:
        workspace = one.workspace
        row = named.setdefault(
            workspace.pk,
            {"id": str(workspace.pk), "name": workspace.name, "organization": workspace.organization.name, "why": []},
        )
        row["why"].append(str(one.refusal.message))
    return {"newlyRefused": {"total": found.refused, "workspaces": list(named.values())}}


POLICY_RULE = make(
    "policyrule",
    PolicyRule,
    (*of_columns(PolicyRule, "setting effect value allowed refused minimum maximum reason"), *audit(PolicyRule)),
    # Without an organization a rule is the installation's.
    (to_one("organization", writable=True),),
    root=True,
    joined=("organization",),
    create=_create,
    update=_update,
    told=_told,
    delete=deleting(delete_rule),
)
