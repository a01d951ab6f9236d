"""Find the job that a run, plan or apply is, with its steps; what the caller may not see is not found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet

from executors.choices import ACTIVE
from executors.models import Attempt
from tfe.errors import NotFound
from tfe.lookup import number_of
from workspaces.actors import Actor
from workspaces.models import Job, Step

_COLUMNS = (
    "id", "job_id", "step_number", "name", "type", "status", "decision", "queued_at", "started_at", "ended_at",
    "reason", "interruption", "decided_by", "decided_date", "comment",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """A job with its steps in order."""

    job: Job
    steps: tuple[Step, ...]


def visible_jobs(actor: Actor) -> QuerySet[Job]:
    """Return the jobs that the caller sees, on workspaces that are not deleted."""
    visible = Job.objects.visible_to(actor).filter(workspace__deleted=False)
    found: QuerySet[Job] = visible.select_related("workspace__organization", "organization", "template")
    return found.defer("tcl", "template__tcl")


def run_of(actor: Actor, key: str, prefix: str = "run-") -> Run:
    """Return a visible run by its id, such as ``run-41``. Raises NotFound."""
    job = visible_jobs(actor).filter(pk=number_of(key, prefix)).first()
    if job is None:
        raise NotFound
    return with_steps([job])[0]


def with_steps(jobs: Iterable[Job]) -> list[Run]:
    """Return jobs with their steps, looked up with one query."""
    found = list(jobs)
    active = Attempt.objects.filter(step=OuterRef("pk"), state__in=ACTIVE)
    rows = Step.objects.filter(job__in=[job.pk for job in found]).order_by("job_id", "step_number")
    steps: dict[int, list[Step]] = defaultdict(list)
    for step in rows.only(*_COLUMNS).annotate(live=Exists(active)):
        steps[step.job_id].append(step)
    return [Run(job, tuple(steps[job.pk])) for job in found]
