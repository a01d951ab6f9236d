"""A job's plan compared with that of another job of its workspace."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import PLAN, WorkspaceFactory
from tests.panel.test_job_page import page, start
from tests.support.markup import without_breaks
from workspaces.choices import StepType
from workspaces.jobs.plan_comparison import Difference, compare_plans
from workspaces.jobs.plans import Action, Plan, read_plan
from workspaces.models import Job, SavedPlan, Step, Workspace

pytestmark = pytest.mark.django_db


def content(**changes: dict[str, Any]) -> bytes:
    rows = [{"address": f"x.{name}", "change": change} for name, change in changes.items()]
    return json.dumps({"resource_changes": rows}).encode()


def update(before: object, after: object, **more: object) -> dict[str, Any]:
    return {"actions": ["update"], "before": {"size": before}, "after": {"size": after}, **more}


CREATE: dict[str, Any] = {"actions": ["create"], "before": None, "after": {"size": 1}}
DELETE: dict[str, Any] = {"actions": ["delete"], "before": {"size": 1}, "after": None}


def plan(**changes: dict[str, Any]) -> Plan:
    found = read_plan(content(**changes))
    assert found is not None
    return found


def planned(workspace: Workspace, **changes: dict[str, Any]) -> Job:
    job = start(workspace, PLAN)
    step = Step.objects.create(job=job, step_number=100, name="Plan", type=StepType.PLAN)
    SavedPlan.objects.create(step=step, json=content(**changes))
    return job


def compare(client: Client, job: Job, other: object = "", status: int = 200) -> str:
    query = {"with": str(other)} if other else {}
    response = client.get(reverse("admin:workspaces_job_compare", args=[job.pk]), query)
    assert response.status_code == status
    return without_breaks(response.content.decode())


def test_other_actions_come_before_other_values_and_the_same_is_counted() -> None:
    found = compare_plans(
        plan(same=CREATE, gone=DELETE, other=update(1, 2), sized=update(1, 2)),
        plan(same=CREATE, other=DELETE, sized=update(1, 3), new=CREATE),
    )
    assert found.same == 1
    assert found.differences == (
        Difference("x.gone", Action.DELETE, None),
        Difference("x.new", None, Action.CREATE),
        Difference("x.other", Action.UPDATE, Action.DELETE),
        Difference("x.sized", Action.UPDATE, Action.UPDATE, ("size",)),
    )


def test_sensitive_values_are_no_difference() -> None:
    hidden = {"before_sensitive": {"size": True}, "after_sensitive": {"size": True}}
    assert compare_plans(plan(a=update("1", "2", **hidden)), plan(a=update("1", "3", **hidden))).differences == ()


def test_the_last_plan_before_the_job_is_the_one_compared(workspace: Workspace, admin: Client) -> None:
    first = planned(workspace, a=CREATE)
    planned(WorkspaceFactory.create(organization=workspace.organization), z=CREATE)
    job = planned(workspace, a=DELETE)
    planned(workspace, later=CREATE)
    assert reverse("admin:workspaces_job_compare", args=[job.pk]) in page(admin, job)
    text = compare(admin, job)
    assert f"Plan of job {job.pk}, compared with job {first.pk}" in text
    for part in ("x.a", "Create", "Delete"):
        assert part in text
    for absent in ("x.z", "x.later"):
        assert absent not in text


def test_any_other_job_of_the_workspace_can_be_chosen(workspace: Workspace, admin: Client) -> None:
    job = planned(workspace, a=CREATE)
    later = planned(workspace, a=CREATE)
    assert "No earlier job of this workspace has a plan." in compare(admin, job)
    assert "Both plans do the same." in compare(admin, job, later.pk)


def test_a_job_of_another_workspace_is_refused_with_what_is_allowed(workspace: Workspace, admin: Client) -> None:
    job = planned(workspace, a=CREATE)
    other = planned(WorkspaceFactory.create(organization=workspace.organization), secret_name=CREATE)
    for wrong in (other.pk, job.pk, "<b>", "9" * 30):
        text = compare(admin, job, wrong, status=400)
        assert f"is not another job of workspace {workspace.name} with a plan." in text
        assert "x.secret_name" not in text
        assert "<b>" not in text


def test_a_plan_that_cannot_be_read_is_said_to_be_none(workspace: Workspace, admin: Client) -> None:
    first, job = planned(workspace, a=CREATE), planned(workspace, a=CREATE)
    SavedPlan.objects.filter(step__job=first).update(json=b"no JSON")
    assert f"Job {first.pk} has no plan in JSON to compare." in compare(admin, job)


def test_only_who_sees_the_job_compares(workspace: Workspace, sign_in: Callable[..., Client]) -> None:
    job = planned(workspace, a=CREATE)
    stranger = sign_in(WorkspaceFactory.create().organization, plan_job=True)
    compare(stranger, job, status=404)


def test_many_plans_and_resources_take_the_same_queries(
    workspace: Workspace, admin: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    jobs = [planned(workspace, **{f"r{number}": CREATE for number in range(200)}) for _ in range(4)]
    with django_assert_max_num_queries(16):
        assert "200 resources are planned the same." in compare(admin, jobs[-1])
