"""Read what a report says from a job's records."""

from __future__ import annotations

from functools import lru_cache
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from vcs.reports.facts import Facts
from workspaces.choices import FINAL_JOB, JobStatus, StepType
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
        url=f"{settings.PUBLIC_URL}{reverse('admin:workspaces_job_change', args=[job.pk])}",
        plan_url=f"{settings.PUBLIC_URL}{reverse('runs:plan', args=[job.pk])}",
    )


def _plan_of(job: Job) -> Plan | None:
    saved = SavedPlan.objects.filter(step__job=job, json__isnull=False).order_by("-step__step_number")
    step_id = saved.values_list("step_id", flat=True).first()
    return None if step_id is None else _read(step_id)


@lru_cache(maxsize=16)
def _read(step_id: UUID) -> Plan | None:
    """Read a finished plan, which no longer changes; cached, as status and comment both tell of it."""
    content = SavedPlan.objects.only("json").get(pk=step_id).json
    return read_plan(content) if content else None
