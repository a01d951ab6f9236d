"""A step is handed over and its first attempt opened in one go."""

from __future__ import annotations

import pytest
from pytest_django import DjangoAssertNumQueries

from executors.attempts import lifecycle
from executors.choices import AttemptState, ExecutorKind
from executors.installation import limits
from executors.launching import launcher
from tests.factories import (
    PLAN_AND_APPLY,
    CollectionFactory,
    GlobalVariableFactory,
    ItemFactory,
    ReferenceFactory,
    VariableFactory,
    WorkspaceFactory,
)
from workspaces import flows
from workspaces.choices import Category, JobStatus
from workspaces.jobs import transitions
from workspaces.jobs.obstacles import obstacle
from workspaces.models import Job, JobVariable, NotificationConfiguration, PolicyRule, RunLimits, Workspace
from workspaces.models.policy import RuleEffect
from workspaces.pods.catalogue import ENABLE, NODE_SELECTOR
from workspaces.services import jobs
from workspaces.variables.in_force import step_inputs, workspace_inputs

pytestmark = pytest.mark.django_db

MOST_QUERIES = 10
"""For the job's lock to the attempt's first event; a savepoint of the test around it counts as two. One asks, under the
lock, what else decides about the job, and one reads all of its variables."""


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


def _with_variables_everywhere() -> Workspace:
    workspace = WorkspaceFactory.create()
    organization = workspace.organization
    VariableFactory.create(workspace=workspace, key="A", value="own", sensitive=True)
    VariableFactory.create(workspace=workspace, key="t", value="own", category=Category.TERRAFORM)
    GlobalVariableFactory.create(organization=organization, key="A", value="shared")
    GlobalVariableFactory.create(organization=organization, key="B", value="shared")
    GlobalVariableFactory.create(organization=organization, key="l", value="[1]", category=Category.TERRAFORM, hcl=True)
    for name, priority, keys in (("low", 1, "ABCDE"), ("later", 5, "CDF"), ("earlier", 5, "DF"), ("high", 9, "E")):
        collection = CollectionFactory.create(organization=organization, name=name, priority=priority)
        ReferenceFactory.create(workspace=workspace, collection=collection)
        for key in keys:
            ItemFactory.create(collection=collection, key=key, value=name)
    ItemFactory.create(collection=CollectionFactory.create(organization=organization), key="UNUSED")
    return workspace


@pytest.mark.parametrize("mapped", ["", ", inputsEnv: {X: $B, A: $A}"])
def test_a_step_gets_what_its_workspace_shows(mapped: str) -> None:
    workspace = _with_variables_everywhere()
    job = jobs.create_job(workspace, by=None, tcl=f"flow:\n  - {{type: terraformPlan, step: 100{mapped}}}\n")
    (flow,) = flows.parse(job.tcl)
    shown = workspace_inputs(workspace, step=flow)
    assert step_inputs(job, flow) == shown
    if not mapped:
        won = {key: shown.environment[key].text for key in "ABCDEF"}
        assert won == {"A": "own", "B": "shared", "C": "later", "D": "earlier", "E": "high", "F": "earlier"}
    JobVariable.objects.create(job=job, key="t", value='"of the job"')
    found = step_inputs(job, flow).terraform["t"]
    assert (found.text, found.hcl, found.sensitive) == ('"of the job"', True, False)


@pytest.mark.parametrize("level", ["workspace", "organization"])
def test_what_is_set_below_the_installation_is_found_under_the_lock(level: str) -> None:
    workspace = WorkspaceFactory.create()
    owner = workspace if level == "workspace" else workspace.organization
    row = RunLimits.objects.create(**{level: owner}, step_seconds=900, running_steps=1)
    job = jobs.create_job(workspace, by=None, tcl=PLAN_AND_APPLY)
    assert obstacle(job) is None
    assert limits.job_deadlines(job) == limits.workspace_deadlines(workspace) == {"step_seconds": 900}
    other = jobs.create_job(WorkspaceFactory.create(organization=workspace.organization), by=None, tcl=PLAN_AND_APPLY)
    assert transitions.advance(job.pk) is not None
    assert transitions.advance(other.pk) is None if level == "organization" else transitions.advance(other.pk)
    # Set after the job was read: a job that is asked about again under its lock sees it.
    row.delete()
    assert obstacle(job) is None
    assert limits.job_deadlines(job) == {}


def test_a_second_job_sees_the_first_one_under_its_lock() -> None:
    workspace = WorkspaceFactory.create()
    first, second = (jobs.create_job(workspace, by=None, tcl=PLAN_AND_APPLY) for _ in range(2))
    for job, expected in ((first, True), (second, True)):
        assert obstacle(job) is None
        assert job.surroundings is not None
        assert job.surroundings.others_open is expected
    Job.objects.filter(pk=first.pk).update(status=JobStatus.FAILED)
    assert obstacle(second) is None
    assert second.surroundings is not None
    assert not second.surroundings.others_open
    Job.objects.filter(pk=first.pk).update(holds_workspace=True)
    assert obstacle(second) is None
    assert second.surroundings.others_open


def test_rules_and_notifications_that_are_new_count_at_the_next_handover() -> None:
    workspace, other = WorkspaceFactory.create(), WorkspaceFactory.create()
    VariableFactory.create(workspace=workspace, key=ENABLE, value="true", category=Category.ENV)
    job = jobs.create_job(workspace, by=None, tcl=PLAN_AND_APPLY)
    (flow, *_) = flows.parse(job.tcl)

    def found() -> tuple[bool, bool]:
        assert obstacle(job) is None
        assert job.surroundings is not None
        assert step_inputs(job, flow) == workspace_inputs(workspace, step=flow)
        return job.surroundings.has_rules, job.surroundings.has_notifications

    limit = {"setting": NODE_SELECTOR, "effect": RuleEffect.LOCKED, "value": "pool=a"}
    where = {"channel_type": "WEBHOOK", "destination_url": "https://receiver.example"}
    PolicyRule.objects.create(organization=other.organization, **limit)
    NotificationConfiguration.objects.create(organization=other.organization, name="another's", **where)
    NotificationConfiguration.objects.create(organization=job.organization, name="off", active=False, **where)
    assert found() == (False, False)
    for organization in (job.organization, None):
        rule = PolicyRule.objects.create(organization=organization, **limit)
        assert found() == (True, False)
        assert step_inputs(job, flow).environment[NODE_SELECTOR].text == "pool=a"
        rule.delete()
    NotificationConfiguration.objects.create(organization=job.organization, name="on", **where)
    assert found() == (False, True)
