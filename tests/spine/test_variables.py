"""Terraform variables from their record to a state, in a pod and on this machine."""

from __future__ import annotations

import json

import pytest

from tests.spine.site import Site
from workspaces.choices import Category, IacType, JobStatus
from workspaces.models import GlobalVariable, StateVersion, Step, Variable
from workspaces.services.workspaces import set_variable

pytestmark = [pytest.mark.cluster, pytest.mark.postgres, pytest.mark.redis]

FLOW = "flow:\n  - {type: terraformPlan, name: Plan, step: 100}\n  - {type: terraformApply, name: Apply, step: 200}\n"
MAIN = """
variable "zeros" { type = string }
variable "region" { type = any }
variable "tags" {}
variable "names" { type = list(string) }
variable "text" { type = string }
output "all" { value = [var.zeros, var.region, var.tags, var.names, var.text] }
"""
TEXT = 'say "${HOME}" \\ %{if} \U0001f680\r\n\tlast\n'
VALUES = {
    "zeros": ("007", False),
    "region": ("eu-west-1", False),
    "tags": ('{ team = "net", ports = [80] }', True),
    "names": ('["a", "b"]', False),
    "text": (TEXT, False),
    "regoin": ("mistyped", False),
}


@pytest.mark.parametrize("on_cluster", [True, False], ids=["pod", "machine"])
@pytest.mark.parametrize("tool", [IacType.TERRAFORM, IacType.TOFU])
def test_values_reach_the_state_and_what_nothing_declares_is_told(
    guide_site: Site, tool: IacType, on_cluster: bool
) -> None:
    workspace = guide_site.workspace({"main.tf": MAIN}, tool=tool, on_cluster=on_cluster)
    GlobalVariable.objects.get_or_create(
        organization=workspace.organization, key="shared", defaults={"value": "1", "category": Category.TERRAFORM}
    )
    for key, (value, hcl) in VALUES.items():
        set_variable(workspace, by=None, key=key, value=value, category=Category.TERRAFORM, hcl=hcl)
    job = guide_site.job(workspace, FLOW)
    guide_site.await_status(job, JobStatus.COMPLETED)
    state = json.loads(StateVersion.objects.get(workspace=workspace).content)
    assert state["outputs"]["all"]["value"] == [
        "007", "eu-west-1", {"team": "net", "ports": [80]}, ["a", "b"], TEXT,
    ]  # fmt: skip
    plan, apply = Step.objects.filter(job=job)
    assert plan.undeclared_variables == {"workspace": ["regoin"], "inherited": ["shared"]}
    assert apply.undeclared_variables == {}


@pytest.mark.parametrize("on_cluster", [True, False], ids=["pod", "machine"])
def test_a_value_from_before_the_check_fails_with_its_name_and_place(guide_site: Site, on_cluster: bool) -> None:
    workspace = guide_site.workspace({"main.tf": MAIN}, on_cluster=on_cluster)
    for key, (value, hcl) in VALUES.items():
        set_variable(workspace, by=None, key=key, value=value, category=Category.TERRAFORM, hcl=hcl)
    Variable.objects.filter(workspace=workspace, key="tags").update(value='["a", ]x')
    job = guide_site.job(workspace, FLOW)
    guide_site.await_status(job, JobStatus.FAILED)
    step = Step.objects.filter(job=job).first()
    assert step is not None
    assert (step.reason_code, step.reason) == (
        "bad-variables",
        "The variable tags is marked as HCL, but its value is not a valid expression at line 1, column 8: "
        "unexpected text after the end of the expression.",
    )
