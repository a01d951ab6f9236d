"""``policyrule``: what the installation and its organizations allow for the variables that shape pods."""

from __future__ import annotations

from workspaces.actors import Actor
from workspaces.api.jsonapi.attributes import audit, of_columns
from workspaces.api.jsonapi.resource import Change, make, to_one
from workspaces.api.resources.changes import columns, creating, deleting
from workspaces.errors import NotAllowed
from workspaces.models import PolicyRule
from workspaces.services.policy import create_rule, delete_rule, update_rule


def _update(record: PolicyRule, change: Change, actor: Actor) -> None:
    changes = columns(change, PolicyRule)
    if "organization" in changes and changes.pop("organization") != record.organization:
        raise NotAllowed("A rule stays in the organization, or the installation, for which it was made.")
    update_rule(record, changes, by=actor)


POLICY_RULE = make(
    "policyrule",
    PolicyRule,
    (*of_columns(PolicyRule, "setting effect value allowed refused minimum maximum reason"), *audit(PolicyRule)),
    # Without an organization a rule is the installation's.
    (to_one("organization", writable=True),),
    root=True,
    joined=("organization",),
    create=creating(PolicyRule, create_rule),
    update=_update,
    delete=deleting(delete_rule),
)
