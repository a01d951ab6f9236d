"""``organization`` and ``team``."""

from __future__ import annotations

from typing import Any

from workspaces.access import Actor
from workspaces.api.attributes import of_columns
from workspaces.api.resource import Change, make, nothing, to_many, to_one
from workspaces.api.resources.changes import columns, creating, deleting, updating
from workspaces.models import Organization, Team
from workspaces.services.organizations import create_organization, delete_organization, update_organization


def _create(change: Change, actor: Actor) -> Organization:
    return create_organization(by=actor, **columns(change, Organization))


def _update(record: Organization, change: Change, actor: Actor) -> None:
    update_organization(record, columns(change, Organization), by=actor)


def _delete(record: Organization, actor: Actor) -> None:
    delete_organization(record, by=actor)


def _alive(rows: Any) -> Any:
    return rows.alive()


ORGANIZATION = make(
    "organization",
    Organization,
    of_columns(Organization, "name description disabled executionMode icon"),
    (
        to_many("collection", "organization"),
        to_many("globalvar", "organization"),
        to_many("job", "organization"),
        to_many("ssh", "organization"),
        to_many("team", "organization"),
        to_many("template", "organization"),
        to_many("vcs", "organization"),
        to_many("workspace", "organization"),
        nothing("agent", many=True),
        nothing("module", many=True),
        nothing("notificationConfiguration", many=True),
        nothing("project", many=True),
        nothing("provider", many=True),
        nothing("tag", many=True),
    ),
    root=True,
    narrow=_alive,
    create=_create,
    update=_update,
    delete=_delete,
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
