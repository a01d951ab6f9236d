"""``runlimits``: limits and timeouts for the runs of an organization or of a workspace.

Terrakube has no such type, so it is a collection of its own, and Terrakube's documents stay as its clients know them.
"""

from __future__ import annotations

from workspaces.actors import Actor
from workspaces.api.jsonapi.attributes import of_columns
from workspaces.api.jsonapi.resource import Change, make, to_one
from workspaces.api.resources.changes import columns, deleting
from workspaces.errors import InvalidInput, NotAllowed
from workspaces.models import RunLimits
from workspaces.services.records import create_record, update_record


def _create(change: Change, actor: Actor) -> RunLimits:
    if len([owner for owner in change.related.values() if owner is not None]) != 1:
        raise InvalidInput("Limits are those of an organization or of a workspace: name one of them as relationship.")
    return create_record(RunLimits(**columns(change, RunLimits)), by=actor)


def _update(record: RunLimits, change: Change, actor: Actor) -> None:
    for name, owner in change.related.items():
        if owner != getattr(record, name):
            raise NotAllowed(f"The {name} of runlimits is set when they are made, and not changed later.")
    update_record(record, columns(Change(attributes=change.attributes), RunLimits), by=actor)


RUN_LIMITS = make(
    "runlimits",
    RunLimits,
    of_columns(
        RunLimits,
        "imageSeconds referenceSeconds unschedulableSeconds claimSeconds silenceSeconds stepSeconds retryPlans "
        "runningSteps runningApplies share keepJobs keepLogDays keepStates "
        "driftChecks driftIntervalHours driftConcurrentChecks driftDailyChecks",
    ),
    (to_one("organization", writable=True), to_one("workspace", writable=True)),
    root=True,
    joined=("organization", "workspace__organization"),
    create=_create,
    update=_update,
    delete=deleting(),
)
