"""``organization`` with its ``team``, ``agent`` and ``tag``."""

from __future__ import annotations

from typing import Any

from workspaces.actors import Actor
from workspaces.api.jsonapi.attributes import audit, of_column, of_columns
from workspaces.api.jsonapi.resource import Change, make, nothing, to_many, to_one
from workspaces.api.resources.changes import columns, creating, deleting, updating
from workspaces.models import Agent, Organization, Tag, Team
from workspaces.services.organizations import create_organization, delete_organization, update_organization


def _create(change: Change, actor: Actor) -> Organization:
    return create_organization(by=actor, **columns(change, Organization))


def _alive(rows: Any) -> Any:
    return rows.alive()


ORGANIZATION = make(
    "organization",
    Organization,
    (
        *of_columns(Organization, "name description disabled icon noSelfApproval"),
        of_column(Organization, "executionMode", lenient=True),
    ),
    (
        to_many("agent", "organization"),
        to_many("collection", "organization"),
        to_many("globalvar", "organization"),
        to_many("job", "organization"),
        to_many("project", "organization"),
        to_many("ssh", "organization"),
        to_many("tag", "organization"),
        to_many("team", "organization"),
        to_many("template", "organization"),
        to_many("vcs", "organization"),
        to_many("workspace", "organization"),
        nothing("module", many=True),
        to_many("notificationConfiguration", "organization", type="notification_configuration"),
        nothing("provider", many=True),
    ),
    root=True,
    narrow=_alive,
    hides="disabled",
    create=_create,
    update=updating(Organization, update_organization),
    delete=deleting(delete_organization),
)

TEAM = make(
    "team",
    Team,
    of_columns(
        Team,
        "name manageState manageCollection manageJob manageWorkspace manageModule manageProvider manageVcs "
        "manageTemplate planJob approveJob role",
    ),
    (to_one("organization", required=True),),
    joined=("organization",),
    create=creating(Team),
    update=updating(Team),
    delete=deleting(),
)

AGENT = make(
    "agent",
    Agent,
    of_columns(Agent, "name description url"),
    (to_one("organization", required=True),),
    joined=("organization",),
    create=creating(Agent),
    update=updating(Agent),
    delete=deleting(),
)

TAG = make(
    "tag",
    Tag,
    (*of_columns(Tag, "name"), *audit(Tag)),
    (to_one("organization", required=True),),
    joined=("organization",),
    create=creating(Tag),
    update=updating(Tag),
    delete=deleting(),
)
