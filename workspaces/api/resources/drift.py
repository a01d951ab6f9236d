"""``drift``: what the last check of a workspace found; read only, but for the job that brings it back.

Terrakube has no such type, so it is a collection of its own, and Terrakube's documents stay as its clients know them.
"""

from __future__ import annotations

from typing import Any

from workspaces.actors import Actor
from workspaces.api.jsonapi.attributes import Attribute, Kind, Writing, of_columns
from workspaces.api.jsonapi.resource import Change, make, to_one
from workspaces.errors import NotAllowed
from workspaces.jobs.drift_findings import Deed, stored_resources
from workspaces.models import Drift
from workspaces.services.drift_repair import bring_back


def _update(record: Drift, change: Change, actor: Actor) -> None:
    if not change.attributes.get("bringBack"):
        raise NotAllowed("Drift is written by its checks alone; send bringBack as true to start a job that repairs it.")
    bring_back(record.workspace, by=actor)


def _job(name: str, description: str) -> Attribute:
    return Attribute(
        name=f"{name}JobReference",
        kind=Kind.TEXT,
        read=lambda record: None if (key := getattr(record, f"{name}_job_id")) is None else str(key),
        writing=Writing.NEVER,
        description=description,
    )


def _addresses(deed: Deed, description: str) -> Attribute:
    return Attribute(
        name=f"{deed}Resources",
        kind=Kind.TEXTS,
        read=lambda record: [row.address for row in stored_resources(record.resources) if row.deed == deed],
        writing=Writing.NEVER,
        description=description,
    )


def _with_workspace(rows: Any) -> Any:
    return rows.select_related("workspace__organization")


DRIFT = make(
    "drift",
    Drift,
    (
        *of_columns(
            Drift,
            "status checkedAt cleanAt driftedSince resourceCount pendingChanges",
            writing=Writing.NEVER,
        ),
        _addresses(Deed.CHANGED, "Addresses of resources that were changed outside of Terraform; at most 500 of both."),
        _addresses(Deed.DELETED, "Addresses of resources that were deleted outside of Terraform; at most 500 of both."),
        _job("result", "Number of the job whose plan was judged last."),
        _job("clean", "Number of the job whose plan last found no drift."),
        Attribute(
            name="bringBack",
            kind=Kind.FLAG,
            description="Sent as true: start a job that changes what drifted back, with its approvals.",
        ),
    ),
    (to_one("workspace"),),
    root=True,
    joined=("workspace",),
    narrow=_with_workspace,
    update=_update,
)
