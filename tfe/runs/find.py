"""Find the job that a run, plan or apply is, with its steps; what the caller may not see is not found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, prefetch_related_objects

from executors.choices import ACTIVE
from executors.models import Attempt
from terrakube_site.database.built_once import BuiltOnce
from tfe.errors import NotFound
from tfe.lookup import number_of
from workspaces.actors import Actor, groups_of, is_admin
from workspaces.models import Address, Job, JobComment, JobVariable, Step
from workspaces.querysets import Scope, scope_of_groups

_COLUMNS = (
    "id", "job_id", "step_number", "name", "type", "status", "decision", "queued_at", "started_at", "ended_at",
    "reason", "interruption", "decided_by", "decided_date", "comment",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """A job with its steps in order."""

    job: Job
    steps: tuple[Step, ...]
    comments: tuple[JobComment, ...] = ()
    """What people said about it, apart from its start and its decisions; empty where it was not loaded."""


def visible_jobs(actor: Actor) -> QuerySet[Job]:
    """Return the jobs that the caller sees, on workspaces that are not deleted."""
    return _alive(Job.objects.visible_to(actor))


def _alive(jobs: QuerySet[Job]) -> QuerySet[Job]:
    said = JobComment.objects.filter(job=OuterRef("pk"))
    alive = jobs.filter(workspace__deleted=False).annotate(has_comments=Exists(said))
    found: QuerySet[Job] = alive.select_related("workspace__organization", "organization", "template")
    return found.defer("tcl", "template__tcl")


def _one(number: int, jobs: QuerySet[Job]) -> QuerySet[Job]:
    addresses, variables = Address.objects.filter(job=OuterRef("pk")), JobVariable.objects.filter(job=OuterRef("pk"))
    return _alive(jobs).filter(pk=number).annotate(has_addresses=Exists(addresses), has_variables=Exists(variables))


# A terminal asks for its run, or for its plan, every few seconds for as long as it waits.
_ANY_JOB = BuiltOnce(lambda number: _one(number, Job.objects.within(Scope(everything=True))))
_JOB = BuiltOnce(lambda number, groups: _one(number, Job.objects.within(scope_of_groups(groups))))
_STEPS = BuiltOnce(lambda number: _steps(Step.objects.filter(job=number)))


def _steps(steps: QuerySet[Step]) -> QuerySet[Step]:
    active = Attempt.objects.filter(step=OuterRef("pk"), state__in=ACTIVE)
    return steps.order_by("job_id", "step_number").only(*_COLUMNS).annotate(live=Exists(active))


def with_details(run: Run) -> Run:
    """Return a run whose targets, variables and comments are loaded; most have none, which costs no query."""
    found: Any = run.job
    kept = {"addresses": Address.objects.none(), "variables": JobVariable.objects.none()}
    there = [name for name in kept if getattr(found, f"has_{name}")]
    found._prefetched_objects_cache = {name: rows for name, rows in kept.items() if name not in there}
    prefetch_related_objects([found], *there)
    return with_comments(run)


def with_comments(run: Run) -> Run:
    """Return a run whose comments are loaded; a run without any costs no query."""
    (found,) = _with_comments([run])
    return found


def _with_comments(runs: list[Run]) -> list[Run]:
    keys = [run.job.pk for run in runs if getattr(run.job, "has_comments", True)]
    if not keys:
        return runs
    said: dict[int, list[JobComment]] = defaultdict(list)
    for comment in JobComment.objects.filter(job__in=keys):
        said[comment.job_id].append(comment)
    return [replace(run, comments=tuple(said[run.job.pk])) for run in runs]


def run_of(actor: Actor, key: str, prefix: str = "run-") -> Run:
    """Return a visible run by its id, such as ``run-41``. Raises NotFound."""
    number = number_of(key, prefix)
    groups = tuple(sorted(groups_of(actor)))
    jobs: list[Job] = _ANY_JOB.rows(number) if is_admin(actor) else _JOB.rows(number, groups)
    if not jobs:
        raise NotFound
    return Run(jobs[0], tuple(_STEPS.rows(number)))


def with_steps(jobs: Iterable[Job]) -> list[Run]:
    """Return jobs with their steps, looked up with one query, and their comments with another if there are any."""
    found = list(jobs)
    steps: dict[int, list[Step]] = defaultdict(list)
    for step in _steps(Step.objects.filter(job__in=[job.pk for job in found])):
        steps[step.job_id].append(step)
    return _with_comments([Run(job, tuple(steps[job.pk])) for job in found])
