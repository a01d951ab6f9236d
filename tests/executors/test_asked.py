"""What an executor is told of its job's addresses, and what the page says of its plan."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.template.loader import render_to_string

from executors.attempts import lifecycle
from executors.attempts.handover import claim_answer
from executors.choices import AttemptOutcome, ExecutorKind
from executors.models import Attempt
from executors.runs.results import read_results
from tests.factories import DESTROY, PLAN_AND_APPLY, PLAN_APPROVE_APPLY, WorkspaceFactory
from tests.support.markup import without_breaks
from workspaces.jobs import transitions
from workspaces.jobs.plans import Part
from workspaces.models import Job, SavedPlan, Ssh, Step
from workspaces.services.jobs import approve_job, create_job

pytestmark = pytest.mark.django_db
PLAN_DESTROY = "flow:\n  - {type: terraformPlanDestroy, step: 100}\n  - {type: terraformApply, step: 200}\n"
APPROVED_BEFORE = """
flow:
  - {type: approval, step: 50}
  - {type: terraformPlan, step: 100}
  - {type: terraformApply, step: 200}
"""
APPLY = "flow:\n  - {type: terraformApply, step: 100}\n"
ASKED: dict[str, Any] = {"targets": ['module.a["k y"]'], "replaces": ["t.b"]}


def claimed(job: Job) -> dict[str, Any]:
    """The answer of the claim of a job's next step."""
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    attempt = lifecycle.open_attempt(step_id, executor=ExecutorKind.LOCAL)
    assert attempt is not None
    lifecycle.mark_launched(attempt, host="here")
    lifecycle.claim_attempt(attempt, "s" * 43)
    return claim_answer(Attempt.objects.get(pk=attempt.pk))


def plan(job: Job, content: bytes = b"{}") -> dict[str, Any]:
    """Let a job's plan step run to its end, with a plan that has changes."""
    answer = claimed(job)
    step = Step.objects.get(pk=answer["jobData"]["stepId"])
    SavedPlan.objects.create(step=step, content=b"plan", json=content)
    attempt = Attempt.objects.get(step=step)
    lifecycle.report_result(attempt, lifecycle.Report(outcome=AttemptOutcome.SUCCEEDED, changes=True))
    job.refresh_from_db()
    return answer


def told(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: answer[name] for name in ("targets", "replaces", "destroys", "approved")}


def test_a_plan_and_its_apply_are_told_the_addresses() -> None:
    job = create_job(WorkspaceFactory.create(), by=None, tcl=PLAN_AND_APPLY, **ASKED)
    addresses = {"targets": ('module.a["k y"]',), "replaces": ("t.b",)}
    answer = plan(job)
    assert told(answer) == {**addresses, "destroys": False, "approved": False}
    assert "TF_CLI_ARGS_plan" not in answer["jobData"]["environmentVariables"]
    assert told(claimed(job)) == {**addresses, "destroys": False, "approved": False}


def test_ssh_rsa_is_allowed_by_the_switch_of_each_key() -> None:
    workspace = WorkspaceFactory.create()
    keys = [
        Ssh(organization=workspace.organization, name=n, private_key="k", allow_ssh_rsa=n == "old")
        for n in ("old", "new")
    ]
    workspace.ssh, workspace.module_ssh_key = Ssh.objects.bulk_create(keys)
    workspace.save()
    answer = claimed(create_job(workspace, by=None, tcl=PLAN_AND_APPLY))
    assert (answer["sourceSshRsa"], answer["moduleSshRsa"]) == (True, False)


@pytest.mark.parametrize(("flow", "destroys"), [(DESTROY, True), (APPLY, False)])
def test_a_step_without_a_stored_plan_is_told_them_too(flow: str, destroys: bool) -> None:
    job = create_job(WorkspaceFactory.create(), by=None, tcl=flow, targets=["t.a"])
    assert told(claimed(job)) == {"targets": ("t.a",), "replaces": (), "destroys": destroys, "approved": False}


def test_the_apply_of_a_plan_to_destroy_is_told_that_it_is_one() -> None:
    job = create_job(WorkspaceFactory.create(), by=None, tcl=PLAN_DESTROY, targets=["t.a"])
    assert told(plan(job))["destroys"]
    assert told(claimed(job))["destroys"]


def test_an_approval_counts_when_a_person_gave_it_after_the_plan() -> None:
    job = create_job(WorkspaceFactory.create(), by=None, tcl=PLAN_APPROVE_APPLY, replaces=["t.b"])
    assert not told(plan(job))["approved"]
    assert transitions.advance(job.pk) is None
    approve_job(Job.objects.get(pk=job.pk), by=None)
    assert told(claimed(job))["approved"]

    taken = create_job(WorkspaceFactory.create(), by=None, tcl=PLAN_APPROVE_APPLY, replaces=["t.b"], auto_apply=True)
    plan(taken)
    assert not told(claimed(taken))["approved"]

    early = create_job(WorkspaceFactory.create(), by=None, tcl=APPROVED_BEFORE, replaces=["t.b"])
    assert transitions.advance(early.pk) is None
    approve_job(Job.objects.get(pk=early.pk), by=None)
    plan(early)
    assert not told(claimed(early))["approved"], "what was approved before the plan is no plan"


def changes(*rows: tuple[str, list[str], str]) -> bytes:
    return json.dumps(
        {
            "resource_changes": [
                {"address": address, "change": {"actions": actions}, **({"previous_address": before} if before else {})}
                for address, actions, before in rows
            ]
        }
    ).encode()


@pytest.mark.parametrize(
    ("asked", "parts"),
    [
        ({}, []),
        ({"targets": ["t.a", "module.m"]}, [(Part.ASKED, 3), (Part.ADDED, 1)]),
        ({"targets": ["t.old", "module.m[1].t.x"]}, [(Part.ASKED, 2), (Part.ADDED, 2)]),
        ({"replaces": ["t.a"]}, [(Part.ASKED, 1), (Part.BESIDE, 3)]),
        ({"targets": ["t.none"]}, [(Part.ADDED, 4)]),
    ],
)
def test_the_approver_sees_what_was_asked_for_and_what_came_with_it(
    asked: dict[str, Any], parts: list[tuple[Part, int]]
) -> None:
    job = create_job(WorkspaceFactory.create(), by=None, tcl=PLAN_APPROVE_APPLY, **asked)
    rows = [("t.a", ["create"], ""), ("t.new", ["no-op"], "t.old"), ("module.m.t.x[0]", ["delete"], "")]
    rows += [("module.m[1].t.x[0]", ["update"], ""), ("t.quiet", ["no-op"], "")]
    plan(job, changes(*rows))
    shown = read_results(job).plan
    assert shown is not None
    assert len(shown.changes) == 4
    assert list(shown.parts) == parts


def test_the_page_marks_what_was_asked_for_and_what_was_added() -> None:
    job = create_job(WorkspaceFactory.create(), by=None, tcl=PLAN_APPROVE_APPLY, targets=["t.a"])
    plan(job, changes(("t.a", ["create"], ""), ("t.b", ["update"], ""), ("t.c", ["delete"], "")))
    html = without_breaks(render_to_string("terrakube/run_results.html", {"results": read_results(job), "job": job}))
    assert ">1 requested</span>" in html
    assert ">2 added by Terraform</span>" in html
    assert '<code>t.a</code><span class="tk-badge tk-active">requested</span>' in html
    assert '<code>t.b</code><span class="tk-badge tk-attention">added by Terraform</span>' in html
