"""The place of runs that have not started, among those that the caller sees."""

from __future__ import annotations

from django.db.models import QuerySet

from tfe.runs.find import Run
from workspaces.models import Job


def positions_in(jobs: QuerySet[Job]) -> list[tuple[int, Job]]:
    """Return the jobs that have not started, each with its place; the first is next."""
    waiting = jobs.unfinished().filter(started_at=None).order_by("-priority", "pk")  # type: ignore[attr-defined]
    return list(enumerate(waiting.prefetch_related("addresses", "variables")[:1000], start=1))


def position_of(run: Run) -> int:
    """Return the place of a run on its own workspace; 0 once it has started."""
    job = run.job
    if job.is_final or job.started_at is not None:
        return 0
    return int(Job.objects.unfinished_on(job.workspace_id).filter(started_at=None, pk__lt=job.pk).count()) + 1
