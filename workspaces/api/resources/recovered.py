"""``recovered_state``: a state that the site refused, until a user makes it current or discards it."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from workspaces.actors import Actor
from workspaces.api.errors import InvalidValue
from workspaces.api.jsonapi.attributes import Attribute, Kind, Writing, audit, of_columns
from workspaces.api.jsonapi.resource import Change, make, to_one
from workspaces.models import RecoveredState
from workspaces.services.recovered_states import discard_recovered_state, make_recovered_state_current

_CURRENT, _DISCARDED = "current", "discarded"


def _address(recovered: RecoveredState) -> str:
    workspace = recovered.workspace
    return (
        f"{settings.PUBLIC_URL}/tfstate/v1/organization/{workspace.organization_id}/workspace/{workspace.pk}"
        f"/recovered/{recovered.pk}.tfstate"
    )


def _update(record: RecoveredState, change: Change, actor: Actor) -> None:
    status, reason = change.attributes.get("status"), str(change.attributes.get("reason") or "")
    if status == _CURRENT:
        make_recovered_state_current(record, by=actor, reason=reason)
    elif status == _DISCARDED:
        discard_recovered_state(record, by=actor, reason=reason)
    else:
        raise InvalidValue(status, f"status becomes {_CURRENT} or {_DISCARDED}")


def _with_workspace(rows: Any) -> Any:
    return rows.select_related("workspace__organization").defer("content")


RECOVERED_STATE = make(
    "recovered_state",
    RecoveredState,
    (
        *of_columns(RecoveredState, "serial lineage md5 size why", writing=Writing.NEVER),
        Attribute(
            name="status",
            read=lambda record: "recovered",
            choices=("recovered", _CURRENT, _DISCARDED),
            description=f"Sent as {_CURRENT}: make it the workspace's current state. As {_DISCARDED}: delete it.",
        ),
        Attribute(name="reason", description="Why, for the workspace's history; it must be sent with a status."),
        Attribute(
            name="output", read=_address, writing=Writing.NEVER, description="Where the state itself is fetched."
        ),
        Attribute(
            name="jobReference",
            kind=Kind.TEXT,
            read=lambda record: None if record.job_id is None else str(record.job_id),
            writing=Writing.NEVER,
        ),
        *audit(RecoveredState),
    ),
    (to_one("workspace"),),
    joined=("workspace",),
    narrow=_with_workspace,
    update=_update,
)
