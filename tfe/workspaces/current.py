"""What a workspace has at the moment: its run, its state, its uploaded configuration; for many workspaces at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, Subquery

from tfe.run_statuses import RUN_STATUSES
from workspaces.models import ConfigurationVersion, Job, StateVersion, Variable, Workspace

_OF_WORKSPACE = Job.objects.filter(workspace=OuterRef("pk"), plan_only=False, hidden=False)
CURRENT_JOB = Subquery(_OF_WORKSPACE.order_by("-holds_workspace", "-pk").values("pk")[:1])
"""The job that holds the workspace, else its newest; one that only plans is never the current one."""
_CURRENT_STATE = Subquery(StateVersion.objects.filter(workspace=OuterRef("pk")).order_by("-number").values("pk")[:1])
_CURRENT_SOURCE = Subquery(
    ConfigurationVersion.objects.filter(workspace=OuterRef("pk"), speculative=False, provisional=False, archived=False)
    .order_by("-created_date")
    .values("pk")[:1]
)


@dataclass(frozen=True, slots=True)
class Current:
    """Keys of the current job, state version and configuration version; None where there is none."""

    job: int | None = None
    state: UUID | None = None
    source: UUID | None = None


def run_counts(workspaces: Collection[Workspace]) -> dict[UUID, int]:
    """Return how many runs that may change something each workspace has had, with one query."""
    jobs = Job.objects.filter(workspace__in=workspaces, plan_only=False, hidden=False).order_by()
    return dict(jobs.values_list("workspace").annotate(Count("pk")))


def variable_keys(workspaces: Collection[Workspace]) -> dict[UUID, list[UUID]]:
    """Return the variables of each workspace, by key, with one query."""
    found = defaultdict[UUID, list[UUID]](list)
    rows = Variable.objects.filter(workspace__in=workspaces).order_by("key")
    for workspace, key in rows.values_list("workspace_id", "pk"):
        found[workspace].append(key)
    return found


def current_of(workspaces: Collection[Workspace]) -> dict[UUID, Current]:
    """Return what each workspace has, with one query."""
    rows = Workspace.objects.filter(pk__in=[row.pk for row in workspaces]).order_by()
    found = rows.values_list("pk", CURRENT_JOB, _CURRENT_STATE, _CURRENT_SOURCE)
    return {key: Current(job, state, source) for key, job, state, source in found}


def with_run_status(status: str) -> Q:
    """Match workspaces whose current job shows as a run with this status; none for a status that no run has."""
    if (condition := RUN_STATUSES.get(status)) is None:
        return Q(pk__in=[])
    return Q(Exists(Job.objects.filter(condition, pk=OuterRef("current_job"))))
