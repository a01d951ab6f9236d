"""Read what a report says from a job's records."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from django.conf import settings
from django.db.models import Max
from django.urls import reverse

from vcs.models import Report, ReportKind
from vcs.providers.base import State
from vcs.reports.facts import Facts
from vcs.reports.markdown import one_line
from vcs.reports.states import status_of
from vcs.reports.summary import Row
from workspaces.choices import FINAL_JOB, JobStatus, StepType
from workspaces.encryption import readable
from workspaces.jobs.plans import Plan, read_plan
from workspaces.jobs.transitions.table import APPROVED
from workspaces.models import Job, SavedPlan

_CHANGING = frozenset({StepType.APPLY, StepType.DESTROY})


def facts_of(job: Job, *, plan: bool = True) -> Facts:
    """Return what a report says of a job, whose workspace and organization are loaded; ``plan``: with its changes."""
    steps = list(job.steps.only("type", "status", "decision"))
    return Facts(
        number=job.pk,
        organization=job.organization.name,
        workspace=job.workspace.name,
        workspace_id=str(job.workspace_id),
        status=JobStatus(job.status),
        why=job.reason,
        plan=_plan_of(job) if plan else None,
        plan_changes=job.plan_changes or job.status not in FINAL_JOB,
        started=job.started_at is not None,
        approved=any(step.decision == APPROVED for step in steps),
        applied=any(step.type in _CHANGING and step.status == JobStatus.COMPLETED for step in steps),
        commit=job.commit_id or "",
        pull_request=job.pr_number,
        url=job_url(job),
        plan_url=f"{settings.PUBLIC_URL}{reverse('runs:plan', args=[job.pk])}",
    )


def job_url(job: Job) -> str:
    return f"{settings.PUBLIC_URL}{reverse('admin:workspaces_job_change', args=[job.pk])}"


def _plan_of(job: Job) -> Plan | None:
    saved = SavedPlan.objects.filter(step__job=job, json__isnull=False).order_by("-step__step_number")
    step_id = saved.values_list("step_id", flat=True).first()
    return None if step_id is None else _read(step_id)


@lru_cache(maxsize=16)
def _read(step_id: UUID) -> Plan | None:
    """Read a finished plan, which no longer changes; cached, as status and comment both tell of it."""
    content = readable(SavedPlan.objects.only("json").get(pk=step_id), "json")
    return read_plan(content) if content else None


def earlier_facts(job: Job, most: int = 3) -> list[Facts]:
    """Return the older jobs of a job's pull request on its workspace, the newest first."""
    older = Job.objects.filter(workspace=job.workspace_id, pr_number=job.pr_number, pk__lt=job.pk)
    return [facts_of(row) for row in older.select_related("workspace", "organization").order_by("-pk")[:most]]


def summary_rows(summary: Report) -> list[Row]:
    """Return the newest job of each workspace that a pull request touches.

    Plans are large, so what an ended job came to is read from its plan once, and kept in the report of its status.
    """
    reports = Report.objects.filter(
        vcs=summary.vcs_id,
        repository=summary.repository,
        kind=ReportKind.STATUS,
        pull_request=summary.pull_request,
        workspace__deleted=False,
    )
    newest = reports.exclude(job=None).order_by().values("workspace").annotate(newest=Max("job")).values("newest")
    found = reports.filter(job__in=newest).select_related("job__workspace", "job__organization")
    return [_row(report, report.job) for report in found if report.job is not None]


def _row(report: Report, job: Job) -> Row:
    words = _words(report, job)
    return Row(
        workspace=job.workspace.name,
        state=words.state,
        words=words.words,
        destroys=words.destroys,
        url=job_url(job),
        commit=job.commit_id or "",
        locked=job.pr_number is not None and job.workspace.locked_by_pull_request == job.pr_number,
    )


@dataclass(frozen=True, slots=True)
class _Words:
    state: State
    words: str
    destroys: int


def _words(report: Report, job: Job) -> _Words:
    """Return what a status says of a job, from what is kept of it if the job has ended."""
    rests = job.status in FINAL_JOB or job.status == JobStatus.WAITING_APPROVAL
    kept = report.body.split("\n", 3)
    of_now = f"{job.pk} {job.status}"
    if rests and len(kept) == 4 and kept[0] == of_now:
        return _Words(State(kept[1]), kept[3], int(kept[2]))
    facts = facts_of(job, plan=rests)
    said = status_of(facts)
    found = _Words(said.state, one_line(said.description), facts.plan.to_destroy if facts.plan is not None else 0)
    if rests:
        body = "\n".join((of_now, found.state, str(found.destroys), found.words))
        Report.objects.filter(pk=report.pk, job=job).update(body=body)
    return found
