"""Jobs that start, end and wait for room."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from executors import tasks
from tests.factories import PLAN, OrganizationFactory, WorkspaceFactory
from workspaces import run_limits
from workspaces.jobs import transitions
from workspaces.jobs.transitions import Outcome
from workspaces.models import Job, Organization, RunLimits, Workspace
from workspaces.run_limits import Limits
from workspaces.services import jobs

DONE = Outcome(succeeded=True, changes=True)


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was handed to the task runner."""
    found: list[tuple[Any, ...]] = []
    monkeypatch.setattr("workspaces.task_queue.client.async_task", lambda *task, **options: found.append(task))
    return found


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Set the installation's limits."""
    before = run_limits._source

    def limit(**limits: Any) -> None:
        run_limits.register_installation_limits(lambda: Limits(**limits))

    yield limit
    run_limits.register_installation_limits(before)


def organization(**limits: Any) -> Organization:
    made: Organization = OrganizationFactory.create()
    if limits:
        RunLimits.objects.create(organization=made, **limits)
    return made


def workspace(of: Organization, **limits: Any) -> Workspace:
    made: Workspace = WorkspaceFactory.create(organization=of)
    if limits:
        RunLimits.objects.create(workspace=made, **limits)
    return made


def start(on: Workspace | Organization, tcl: str = PLAN, **options: Any) -> Job:
    """Make a job, on a workspace of its own when it gets an organization, and let it go on as far as it can."""
    where = on if isinstance(on, Workspace) else workspace(on)
    job = jobs.create_job(where, by=None, tcl=tcl, **options)
    transitions.advance(job.pk)
    return fresh(job)


def fresh(job: Job) -> Job:
    found: Job = Job.objects.select_related("organization", "workspace").get(pk=job.pk)
    return found


def runs(job: Job) -> bool:
    return job.steps.in_executor().exists()


def end(job: Job, outcome: Outcome = DONE) -> None:
    """Let a job's step that is in execution end."""
    step = job.steps.in_executor().get()
    transitions.start_step(step.pk)
    assert transitions.finish_step(step.pk, outcome)


def fill() -> None:
    tasks.fill_room()
