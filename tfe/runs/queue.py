"""The place of runs that have not started, among those that the caller sees.

A client subtracts the runs that are at work, so these count as being before the first that waits.
"""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count, QuerySet

from terrakube_site.database.built_once import BuiltOnce
from tfe.runs.find import Run
from workspaces.choices import IN_EXECUTOR
from workspaces.models import Job

_MOST = 1000


def positions_in(jobs: QuerySet[Job]) -> list[tuple[int, Job]]:
    """Return the jobs that have not started, each with its place."""
    unfinished: QuerySet[Job] = jobs.unfinished()  # type: ignore[attr-defined]
    waiting = unfinished.filter(started_at=None).order_by("-priority", "pk")
    found = list(waiting.prefetch_related("addresses", "variables")[:_MOST])
    working = unfinished.filter(status__in=IN_EXECUTOR).count() if found else 0
    return [(_position(job, ahead, working), job) for ahead, job in enumerate(found)]


def _position(job: Job, ahead: int, working: int) -> int:
    """Return the place of a job; 0 for one that nothing holds up."""
    if not job.waits_for_room and not job.reason_code:
        return 0
    return working + max(ahead, 1)


def position_of(run: Run) -> int:
    """Return the place of a run among those of its own workspace; 0 once it has started."""
    job = run.job
    if job.is_final or job.started_at is not None:
        return 0
    before: list[int] = _BEFORE.rows(job.workspace_id, job.pk)
    return sum(before) + 1


def _before(workspace_id: UUID, number: int) -> QuerySet[Job, int]:
    jobs = Job.objects.unfinished_on(workspace_id).filter(started_at=None, pk__lt=number).order_by()
    counted: QuerySet[Job, int] = jobs.values("workspace").annotate(count=Count("pk")).values_list("count", flat=True)
    return counted


_BEFORE = BuiltOnce(_before)
