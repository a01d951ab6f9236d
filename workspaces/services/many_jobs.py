"""Cancel many jobs at once: each by itself, with its own result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from workspaces.actors import Actor
from workspaces.errors import ServiceError
from workspaces.models import Job
from workspaces.services.jobs import cancel_job

MAX_JOBS = 500


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The result for one job; ``refused`` is empty for one that was cancelled."""

    job: Job
    refused: str = ""


def cancel_jobs(jobs: Iterable[Job], *, by: Actor) -> list[Cancelled]:
    """Cancel jobs, the newest first: the end of an older one would start a newer one of its workspace."""
    results = []
    for job in sorted(jobs, key=lambda job: -job.pk):
        try:
            cancel_job(job, by=by)
        except ServiceError as error:
            results.append(Cancelled(job, error.message))
        else:
            results.append(Cancelled(job))
    return results
