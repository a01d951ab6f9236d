"""A workspace's plan and apply, each in a pod of its own, with the rights of the guide's Role alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from executors.logs import store
from executors.models import Attempt
from tests.factories import DESTROY, PLAN_APPROVE_APPLY
from tests.spine.cluster import Cluster
from tests.spine.site import Site
from tests.spine.sources import GitServer
from workspaces.choices import IacType, JobStatus
from workspaces.models import Job, StateVersion, Workspace
from workspaces.services.jobs import approve_job

pytestmark = [pytest.mark.cluster, pytest.mark.postgres, pytest.mark.redis]

CLOCK = """
terraform {
  required_providers {
    time = { source = "hashicorp/time", version = "0.14.2" }
  }
}
variable "days" { type = number }
resource "time_static" "start" { rfc3339 = "2026-01-30T00:00:00Z" }
resource "time_offset" "end" {
  base_rfc3339 = time_static.start.rfc3339
  offset_days  = var.days
}
output "end" { value = time_offset.end.rfc3339 }
"""
DAYS = {"TF_VAR_days": "3"}
SHOWING_SOURCE = """
flow:
  - {type: terraformPlan, name: Plan, step: 100}
  - {type: approval, name: Approval, step: 150}
  - type: terraformApply
    name: Apply
    step: 200
    commands:
      - {runtime: BASH, priority: 1, after: true, script: cat text.txt}
"""
TEXT = """
resource "terraform_data" "text" { input = file("${path.module}/text.txt") }
output "text" { value = terraform_data.text.output }
"""


def attempts_of(job: Job) -> list[Attempt]:
    return list(Attempt.objects.filter(step__job=job).order_by("step__step_number", "number"))


def log_of(attempt: Attempt) -> str:
    return store.read_log(attempt).data.decode()


def state_of(workspace: Workspace) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(StateVersion.objects.filter(workspace=workspace)[0].content)
    return state


def plan_approve_apply(site: Site, workspace: Workspace, flow: str = PLAN_APPROVE_APPLY) -> Job:
    job = site.job(workspace, flow)
    site.await_status(job, JobStatus.WAITING_APPROVAL)
    approve_job(job, by=None)
    return site.await_status(job, JobStatus.COMPLETED)


@pytest.mark.parametrize("tool", [IacType.TERRAFORM, IacType.TOFU])
def test_a_plan_and_its_apply_run_in_two_pods_and_the_state_is_kept(
    guide_site: Site, look: Callable[[Site], Cluster], git: GitServer, tool: IacType
) -> None:
    cluster = look(guide_site)
    repository = git.repository(f"clock-{tool}", {"main.tf": CLOCK})
    workspace = guide_site.workspace(tool=tool, source=repository.url, branch="main", environment=DAYS)

    job = guide_site.job(workspace, PLAN_APPROVE_APPLY)
    guide_site.await_status(job, JobStatus.WAITING_APPROVAL)
    (plan,) = attempts_of(job)
    (plan_pod,) = cluster.pods_of(job)
    assert not StateVersion.objects.filter(workspace=workspace).exists()

    approve_job(job, by=None)
    guide_site.await_status(job, JobStatus.COMPLETED)
    _, apply = attempts_of(job)
    apply_pod = cluster.pod_of(apply)
    assert cluster.pod_of(plan)["metadata"]["uid"] == plan_pod["metadata"]["uid"] != apply_pod["metadata"]["uid"]
    assert plan_pod["metadata"]["name"] != apply_pod["metadata"]["name"]
    assert [cluster.job_of(attempt)["metadata"]["name"] for attempt in (plan, apply)] == [
        f"job-{job.pk}-100-1",
        f"job-{job.pk}-200-1",
    ]
    assert cluster.secrets() == [], "the guide's Role may not create Secrets"
    assert "2 to add" in log_of(plan)
    assert "2 added" in log_of(apply)
    state = state_of(workspace)
    assert state["outputs"]["end"]["value"] == "2026-02-02T00:00:00Z"
    assert sorted(resource["type"] for resource in state["resources"]) == ["time_offset", "time_static"]

    again = guide_site.job(workspace, PLAN_APPROVE_APPLY)
    guide_site.await_status(again, JobStatus.COMPLETED)
    assert (again.plan_changes, again.reason) == (False, "The plan has no changes")
    assert len(cluster.pods_of(again)) == 1
    assert state_of(workspace)["serial"] == state["serial"]

    destroy = guide_site.job(workspace, DESTROY)
    guide_site.await_status(destroy, JobStatus.COMPLETED)
    gone = state_of(workspace)
    assert (gone["resources"], gone["lineage"]) == ([], state["lineage"])
    assert gone["serial"] > state["serial"]


def test_an_uploaded_source_is_planned_and_applied(guide_site: Site) -> None:
    workspace = guide_site.workspace({"main.tf": TEXT, "text.txt": "uploaded"})
    job = plan_approve_apply(guide_site, workspace)
    assert state_of(workspace)["outputs"]["text"]["value"] == "uploaded"
    assert job.commit_id is None


def test_a_job_runs_the_commit_that_its_first_step_found(guide_site: Site, git: GitServer) -> None:
    repository = git.repository("moving", {"main.tf": TEXT})
    planned = repository.commit({"text.txt": "as planned"})
    workspace = guide_site.workspace(source=repository.url, branch="main")
    job = guide_site.job(workspace, SHOWING_SOURCE)
    guide_site.await_status(job, JobStatus.WAITING_APPROVAL)
    moved = repository.commit({"text.txt": "moved on"})

    approve_job(job, by=None)
    guide_site.await_status(job, JobStatus.COMPLETED)
    assert job.commit_id == planned != moved
    assert state_of(workspace)["outputs"]["text"]["value"] == "as planned"
    _, apply = attempts_of(job)
    # What its own script sees is the source of the apply step itself, and not only what the plan holds.
    assert "as planned" in log_of(apply)
    assert "moved on" not in log_of(apply)

    plan_approve_apply(guide_site, workspace)
    assert state_of(workspace)["outputs"]["text"]["value"] == "moved on"
