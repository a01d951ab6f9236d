"""Workspaces whose drift is checked, and checks that end with a plan of one of the tools."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from executors import tasks
from tests.drift.test_findings import plan_of
from tests.factories import OrganizationFactory, WorkspaceFactory
from workspaces.jobs import transitions
from workspaces.jobs.transitions import Outcome
from workspaces.models import Drift, Job, Organization, RunLimits, SavedPlan, Workspace
from workspaces.services import drift_checks

NOW = timezone.now()
DRIFTED = plan_of("terraform")
CLEAN = plan_of("tofu", "pending")


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was handed to the task runner."""
    found: list[tuple[Any, ...]] = []
    monkeypatch.setattr("workspaces.task_queue.client.async_task", lambda *task, **options: found.append(task))
    return found


def organization(**limits: Any) -> Organization:
    """An organization that has its workspaces checked."""
    made: Organization = OrganizationFactory.create()
    RunLimits.objects.create(organization=made, drift_checks=True, **limits)
    return made


def workspace(of: Organization, **limits: Any) -> Workspace:
    made: Workspace = WorkspaceFactory.create(organization=of)
    if limits:
        RunLimits.objects.create(workspace=made, **limits)
    return made


def make_checks(now: dt.datetime = NOW) -> list[Job]:
    """Make the checks that are due, and let each go on as far as it can."""
    made = drift_checks.start_due(now)
    for job in made:
        transitions.advance(job.pk)
    return [fresh(job) for job in made]


def fresh(job: Job) -> Job:
    found: Job = Job.objects.select_related("organization", "workspace").get(pk=job.pk)
    return found


def runs(job: Job) -> bool:
    return job.steps.in_executor().exists()


def end_check(job: Job, plan: bytes | None = DRIFTED, *, outcome: Outcome | None = None) -> Drift:
    """Let a check's plan end, with what its executor sent, and judge it; return what is known then."""
    step = job.steps.in_executor().get()
    transitions.start_step(step.pk)
    if plan is not None:
        SavedPlan.objects.create(step=step, json=plan)
    assert transitions.finish_step(step.pk, outcome or Outcome(succeeded=True, changes=True))
    transitions.advance(job.pk)
    tasks.judge_drift_check(job.pk)
    return Drift.objects.get(workspace=job.workspace)
