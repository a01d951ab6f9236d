"""``notification_configuration`` and its ``notification_trigger``: where to tell of which events.

Both are read by those who may change them alone: an address may be a credential.
"""

from __future__ import annotations

from typing import Any

from workspaces.actors import Actor
from workspaces.api.jsonapi.attributes import audit, of_column, of_columns
from workspaces.api.jsonapi.resource import Change, make, to_chosen, to_many, to_one
from workspaces.api.resources.changes import columns, creating, deleting, updating
from workspaces.encryption import readable
from workspaces.errors import NotAllowed
from workspaces.models import NotificationConfiguration, NotificationTrigger
from workspaces.services.notifications import create_configuration, update_configuration


def _parts(change: Change) -> tuple[dict[str, Any], Any]:
    """Return the columns of a change, and its templates; None if it does not name them."""
    related = dict(change.related)
    templates = related.pop("templates", None)
    return columns(Change(attributes=change.attributes, related=related), NotificationConfiguration), templates


def _create(change: Change, actor: Actor) -> NotificationConfiguration:
    fields, templates = _parts(change)
    return create_configuration(NotificationConfiguration(**fields), by=actor, templates=templates or ())


def _update(record: NotificationConfiguration, change: Change, actor: Actor) -> None:
    fields, templates = _parts(change)
    for name in ("organization", "workspace"):
        if name in fields and fields.pop(name) != getattr(record, name):
            raise NotAllowed(f"The {name} of a notification_configuration is set when it is made, not changed later.")
    update_configuration(record, fields, by=actor, templates=templates)


NOTIFICATION_CONFIGURATION = make(
    "notification_configuration",
    NotificationConfiguration,
    (
        *of_columns(NotificationConfiguration, "name description channelType active messageStyle"),
        of_column(
            NotificationConfiguration,
            "destinationUrl",
            read=lambda record: readable(record, "destination_url") or "",
            description="Empty if its encryption key was lost.",
        ),
        of_column(
            NotificationConfiguration,
            "messageTemplate",
            description="The sentence that is told, with names such as {workspace} in braces; empty: the site's own.",
        ),
        of_column(NotificationConfiguration, "signingSecret", read=None),
        *audit(NotificationConfiguration),
    ),
    (
        to_one("organization", writable=True),
        to_one("workspace", writable=True),
        to_many("triggers", "configuration", type="notification_trigger"),
        to_chosen("templates", "notification_configurations", type="template"),
    ),
    root=True,
    joined=("organization", "workspace__organization"),
    create=_create,
    update=_update,
    delete=deleting(),
)

NOTIFICATION_TRIGGER = make(
    "notification_trigger",
    NotificationTrigger,
    of_columns(NotificationTrigger, "jobStatus"),
    (to_one("configuration", type="notification_configuration", required=True),),
    joined=("configuration__organization", "configuration__workspace__organization"),
    create=creating(NotificationTrigger),
    update=updating(NotificationTrigger),
    delete=deleting(),
)
