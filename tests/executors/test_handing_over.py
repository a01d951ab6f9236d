"""A step is handed over and its first attempt opened in one go."""

from __future__ import annotations

import pytest
from pytest_django import DjangoAssertNumQueries

from executors.attempts import lifecycle
from executors.choices import AttemptState, ExecutorKind
from executors.launching import launcher
from tests.factories import PLAN_AND_APPLY, VariableFactory, WorkspaceFactory
from workspaces.choices import Category, JobStatus
from workspaces.jobs import transitions
from workspaces.services import jobs

pytestmark = pytest.mark.django_db

MOST_QUERIES = 18
"""For the job's lock to the attempt's first event; a savepoint of the test around it counts as two. One asks, under the
lock, whether workspace and organization still let a step start."""


@pytest.mark.parametrize(("enabled", "kind"), [("true", ExecutorKind.KUBERNETES), ("false", ExecutorKind.LOCAL)])
def test_the_attempt_is_there_with_the_step_and_has_all_that_its_launch_needs(
    enabled: str, kind: ExecutorKind, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    workspace = WorkspaceFactory.create()
    VariableFactory.create(
        workspace=workspace, key="TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR", value=enabled, category=Category.ENV
    )
    job = jobs.create_job(workspace, by=None, tcl=PLAN_AND_APPLY)
    with django_assert_max_num_queries(MOST_QUERIES):
        opened = transitions.hand_over(job.pk, to=launcher.open_first_attempt)
    assert opened is not None
    attempt, needs = opened
    assert (attempt.state, attempt.executor, attempt.number) == (AttemptState.NEW, kind, 1)
    step = job.steps.get(step_number=100)
    assert (step.status, list(step.attempts.all()), needs.step) == (JobStatus.QUEUE, [attempt], step)
    with django_assert_max_num_queries(0):
        assert needs.inputs.environment["organizationName"].text == workspace.organization.name
        assert needs.step.job.workspace.organization.name == workspace.organization.name
    # Whoever finds the step later takes up the same attempt.
    assert attempt == lifecycle.open_attempt(step.pk, executor=kind)
