"""What the first page shows of one person: approvals that they may give, and workspaces in which they worked last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from workspaces.actors import Actor, name_of
from workspaces.models import Job, Workspace
from workspaces.permissions import may_approve, rights_on_each

RECENT = 6
_LOOKED_AT = 60
"""Newest jobs of a person among which their workspaces are looked for."""


@dataclass(frozen=True, slots=True)
class Approvals:
    """Waiting jobs by who decides: ``mine`` are those that the person may approve."""

    mine: Sequence[Job]
    others: Sequence[Job]


def approvals(actor: Actor, waiting: Sequence[Job]) -> Approvals:
    """Tell apart waiting jobs that a person may approve; three queries however many there are."""
    for job in waiting:
        # Loaded with the job, and the same one.
        job.workspace.organization = job.organization
    own = rights_on_each(actor, {job.workspace_id: job.workspace for job in waiting}.values())
    mine = [job for job in waiting if may_approve(actor, job, own=own[job.workspace_id])]
    keys = {job.pk for job in mine}
    return Approvals(mine, [job for job in waiting if job.pk not in keys])


def recent_workspaces(actor: Actor, visible: QuerySet[Job]) -> list[Workspace]:
    """Return the workspaces of a person's newest jobs that they may still see, the newest first."""
    newest = visible.filter(created_by=name_of(actor), workspace__deleted=False).order_by("-pk")
    keys = list(dict.fromkeys(newest.values_list("workspace", flat=True)[:_LOOKED_AT]))[:RECENT]
    found = Workspace.objects.alive().select_related("organization").in_bulk(keys)
    return [found[key] for key in keys if key in found]
