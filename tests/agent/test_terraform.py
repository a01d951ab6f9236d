"""Steps with real terraform and tofu, from the claim to the result."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.agent.api_server import ApiServer
from tests.agent.harness import Agent

Serve = Callable[..., ApiServer]
Start = Callable[..., Agent]

MAIN = """
variable "who" { type = string }
resource "terraform_data" "a" { input = var.who }
output "greeting" { value = "hello ${terraform_data.a.output}" }
"""
TOOLS = [("terraform", "1.11.4"), ("tofu", "1.12.6")]


def fields(tool: str, version: str, **more: Any) -> dict[str, Any]:
    return {"tofu": tool == "tofu", "terraformVersion": version, "variables": {"who": "world"}, **more}


@pytest.mark.parametrize(("tool", "version"), TOOLS)
def test_a_plan_is_stored_and_exactly_it_is_applied(serve: Serve, start: Start, tool: str, version: str) -> None:
    plan = serve({"main.tf": MAIN}, **fields(tool, version))
    agent = start(plan)
    assert agent.wait() == 0
    result = plan.attempt.result
    assert result is not None
    assert (result["outcome"], result["exitCode"], result["changes"]) == ("succeeded", 2, True)
    assert result["logSize"] == len(plan.attempt.log)
    assert result["peakMemoryBytes"] > 10 * 2**20
    assert 0 < result["cpuSeconds"] < 20
    assert plan.attempt.phases == ["source", "tools", "init", "plan", "show", "upload"] or "plan" in plan.attempt.phases
    assert plan.attempt.states == []
    assert json.loads(plan.attempt.files["/plan-json"])["planned_values"]["root_module"]["resources"]
    assert list(agent.work.iterdir()) == []

    # The variable of the plan counts, not that of the apply.
    apply = serve(
        None, type="terraformApply", claim={"hasPlan": True}, **fields(tool, version, variables={"who": "no"})
    )
    apply.attempt.files.update(plan.attempt.files)
    assert start(apply).wait() == 0
    assert apply.attempt.result is not None
    assert (apply.attempt.result["outcome"], apply.attempt.result["changes"]) == ("succeeded", None)
    assert json.loads(apply.attempt.states[-1])["outputs"]["greeting"]["value"] == "hello world"
    shown = json.loads(apply.attempt.files["/state-json"])
    assert shown["values"]["outputs"]["greeting"]["value"] == "hello world"
    assert apply.attempt.lock is None
    assert "Apply complete! Resources: 1 added" in apply.log

    again = serve({"main.tf": MAIN}, **fields(tool, version))
    again.attempt.states = list(apply.attempt.states)
    assert start(again).wait() == 0
    assert again.attempt.result is not None
    assert (again.attempt.result["exitCode"], again.attempt.result["changes"]) == (0, False)

    destroy = serve({"main.tf": MAIN}, type="terraformDestroy", **fields(tool, version))
    destroy.attempt.states = list(apply.attempt.states)
    assert start(destroy).wait() == 0
    assert json.loads(destroy.attempt.states[-1])["resources"] == []
    assert "/state-json" in destroy.attempt.files


@pytest.mark.parametrize(("tool", "version"), TOOLS)
def test_a_stored_plan_keeps_its_values_whatever_else_gives_some(
    serve: Serve, start: Start, tool: str, version: str
) -> None:
    files = {
        "main.tf": MAIN + 'variable "list" { type = list(number) }\noutput "list" { value = var.list }\n',
        "terraform.tfvars": 'who = "by a file"\n',
        "a.auto.tfvars": "list = [1, 0.1, 12345678901234567890]\n",
    }
    plan = serve(files, **fields(tool, version))
    assert start(plan).wait() == 0, plan.log
    later = {
        "variables": {"who": "later"},
        "environmentVariables": {"TF_VAR_who": "by environment", "TF_VAR_list": "[2]"},
    }
    apply = serve(None, type="terraformApply", claim={"hasPlan": True}, **fields(tool, version, **later))
    apply.attempt.files.update(plan.attempt.files)
    assert start(apply).wait() == 0, apply.log
    outputs = json.loads(apply.attempt.states[-1])["outputs"]
    assert outputs["greeting"]["value"] == "hello world"
    assert outputs["list"]["value"] == [1, 0.1, 12345678901234567890]


def test_a_real_provider_is_the_same_one_at_plan_and_apply(serve: Serve, start: Start) -> None:
    main = 'resource "time_static" "t" {}\n'
    plan = serve({"main.tf": main}, terraformVersion="~1.11")
    assert start(plan).wait() == 0, plan.log
    assert b"hashicorp/time" in plan.attempt.files["/plan-lock-file"]
    apply = serve({"main.tf": main}, type="terraformApply", claim={"hasPlan": True})
    apply.attempt.files.update(plan.attempt.files)
    assert start(apply).wait() == 0, apply.log
    assert "from the dependency lock file" in apply.log


def test_an_apply_without_a_stored_plan_uses_the_variables(serve: Serve, start: Start) -> None:
    api = serve({"sub/dir/main.tf": MAIN}, type="terraformApply", folder="/sub/dir", variables={"who": "you", "x": "1"})
    assert start(api).wait() == 0
    assert json.loads(api.attempt.states[-1])["outputs"]["greeting"]["value"] == "hello you"
    assert "declares no such variable: x." in api.log


@pytest.mark.parametrize(
    ("tool", "files"),
    [
        ({"terraformVersion": "1.11.4"}, {"prod/README.md": "", "prod/main.tofu": MAIN, "main.tf": MAIN}),
        ({"tofu": True, "terraformVersion": "1.12.6"}, {"prod/main.tf.old": MAIN, "prod/a/main.tf": MAIN}),
    ],
    ids=["terraform", "tofu"],
)
def test_a_folder_without_configuration_destroys_nothing_but_where_that_is_asked(
    serve: Serve, start: Start, tool: dict[str, Any], files: dict[str, str]
) -> None:
    resource = {"mode": "managed", "type": "terraform_data", "name": "a"}
    resource["provider"] = 'provider["terraform.io/builtin/terraform"]'
    instance = {"schema_version": 0, "attributes": {"id": "x"}}
    state = {"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "line", "outputs": {}}
    state["resources"] = [{**resource, "instances": [instance]}]
    content = json.dumps(state).encode()
    for kind in ("terraformPlan", "terraformApply"):
        api = serve(files, type=kind, folder="/prod", **tool)
        api.attempt.states = [content]
        start(api).wait()
        assert api.attempt.result is not None
        assert api.attempt.result["reason"] == "source-failed", api.log
        assert "The folder '/prod' has no configuration for" in api.attempt.result["message"]
        assert api.attempt.states == [content]
    destroy = serve(files, type="terraformDestroy", folder="/prod", **tool)
    destroy.attempt.states = [content]
    assert start(destroy).wait() == 0, destroy.log
    assert json.loads(destroy.attempt.states[-1])["resources"] == []


def test_tofu_reads_a_state_whose_providers_a_variable_decides(serve: Serve, start: Start) -> None:
    main = """
        terraform {
          required_providers {
            time = { source = "hashicorp/time" }
          }
        }
        variable "regions" { type = set(string) }
        provider "time" {
          alias    = "by_region"
          for_each = var.regions
        }
        resource "time_static" "t" {
          for_each = var.regions
          provider = time.by_region[each.key]
        }
    """
    fields = {"tofu": True, "terraformVersion": "1.12.6", "variables": {"regions": '["a", "b"]'}}
    plan = serve({"main.tf": main}, **fields)
    assert start(plan).wait() == 0, plan.log
    apply = serve({"main.tf": main}, type="terraformApply", claim={"hasPlan": True}, **fields)
    apply.attempt.files.update(plan.attempt.files)
    assert start(apply).wait() == 0, apply.log
    assert "Error" not in apply.log
    assert len(json.loads(apply.attempt.files["/state-json"])["values"]["root_module"]["resources"]) == 2


def test_an_ephemeral_variable_is_given_to_the_apply_of_a_plan_again(serve: Serve, start: Start) -> None:
    main = 'variable "key" {\n  type      = string\n  ephemeral = true\n}\n' + MAIN
    values = {"who": "you", "key": "k"}
    plan = serve({"main.tf": main}, variables=values)
    assert start(plan).wait() == 0, plan.log
    apply = serve({"main.tf": main}, type="terraformApply", claim={"hasPlan": True}, variables=values)
    apply.attempt.files["/plan-file"] = plan.attempt.files["/plan-file"]
    assert start(apply).wait() == 0, apply.log


def test_tofu_knows_the_variables_at_init_already(serve: Serve, start: Start) -> None:
    main = 'variable "where" { type = string }\nmodule "m" { source = var.where }\n'
    module = 'output "here" { value = 1 }\n'
    api = serve(
        {"main.tf": main, "modules/m/main.tf": module},
        tofu=True,
        terraformVersion="1.12.6",
        variables={"where": "./modules/m"},
    )
    assert start(api).wait() == 0, api.log


ENCRYPTED = """
variable "passphrase" {
  type      = string
  sensitive = true
}
terraform {
  encryption {
    key_provider "pbkdf2" "key" { passphrase = var.passphrase }
    method "aes_gcm" "method" { keys = key_provider.pbkdf2.key }
    state { method = method.aes_gcm.method }
    plan { method = method.aes_gcm.method }
  }
}
module "m" { source = "./m" }
"""


@pytest.mark.parametrize(
    "files",
    [
        {"main.tf": ENCRYPTED, "m/main.tf": 'resource "terraform_data" "a" {}\n'},
        {
            "main.tf.json": """{
              "variable": {"passphrase": {}}, "module": {"m": {"source": "./${substr(var.passphrase, 0, 1)}"}}
            }""",
            "m/main.tf": 'resource "terraform_data" "a" {}\n',
        },
    ],
    ids=["encryption", "module"],
)
def test_tofu_knows_the_variables_where_no_command_can_do_without(
    files: dict[str, str], serve: Serve, start: Start
) -> None:
    given = {"tofu": True, "terraformVersion": "1.12.6", "variables": {"passphrase": "m" * 20}}
    plan = serve(files, **given)
    assert start(plan).wait() == 0, plan.log
    apply = serve(files, type="terraformApply", claim={"hasPlan": True}, **given)
    apply.attempt.files["/plan-file"] = plan.attempt.files["/plan-file"]
    assert start(apply).wait() == 0, apply.log
    assert "/plan-json" in plan.attempt.files
    assert b"terraform_data.a" in apply.attempt.files["/state-json"]
    assert "Error" not in plan.log + apply.log


def test_the_flags_of_the_job_reach_the_plan(serve: Serve, start: Start) -> None:
    main = 'resource "terraform_data" "a" {}\n'
    apply = serve({"main.tf": main}, type="terraformApply")
    assert start(apply).wait() == 0
    plans = {
        "destroy": serve({"main.tf": main}, type="terraformPlanDestroy"),
        "refreshOnly": serve({"main.tf": main}, refreshOnly=True),
        "noRefresh": serve({"main.tf": main}, refresh=False),
        "planOnly": serve({"main.tf": main}, claim={"planOnly": True}),
    }
    for api in plans.values():
        api.attempt.states = list(apply.attempt.states)
    agents = [start(api) for api in plans.values()]
    assert [agent.wait() for agent in agents] == [0, 0, 0, 0]
    assert "1 to destroy" in plans["destroy"].log
    assert "Refreshing state" in plans["refreshOnly"].log
    assert "Refreshing state" not in plans["noRefresh"].log
    assert plans["planOnly"].made("POST", "/lock") == []
    assert len(plans["noRefresh"].made("POST", "/lock")) == 1


def test_a_failing_plan_says_terraforms_first_error(serve: Serve, start: Start) -> None:
    api = serve({"main.tf": 'resource "terraform_data" "a" { input = data.nothing.x }\n'}, claim={"color": True})
    assert start(api).wait() == 10
    assert api.attempt.result is not None
    assert api.attempt.result["outcome"] == "failed"
    assert api.attempt.result["reason"] == "terraform-failed"
    assert api.attempt.result["message"] == "Reference to undeclared resource"
    assert api.attempt.result["exitCode"] == 1
    assert "\x1b[31m" in api.log
    assert "/plan-file" not in api.attempt.files


def test_a_terraform_that_is_killed_is_said_to_be(serve: Serve, start: Start) -> None:
    main = 'resource "terraform_data" "a" {\n  provisioner "local-exec" { command = "kill -9 $PPID; sleep 9" }\n}\n'
    api = serve({"main.tf": main}, type="terraformApply")
    assert start(api).wait() == 10
    assert api.attempt.result is not None
    assert "was killed from outside" in api.attempt.result["message"]
    assert api.attempt.result["exitCode"] == 137
    assert api.attempt.lock is None


def test_a_failing_init_is_its_own_reason_and_shows_its_output_even_without_a_header(
    serve: Serve, start: Start
) -> None:
    api = serve({"main.tf": 'module "m" { source = "./none" }\n'}, showHeader=False)
    assert start(api).wait() == 10
    assert api.attempt.result is not None
    assert api.attempt.result["reason"] == "init-failed"
    assert "Error: Unreadable module directory" in api.log
    assert "==>" not in api.log


def test_a_step_without_header_shows_terraform_alone(serve: Serve, start: Start) -> None:
    api = serve({"main.tf": 'output "a" { value = 1 }\n'}, showHeader=False)
    assert start(api).wait() == 0
    assert "Initializing" not in api.log
    assert api.log.lstrip().startswith("Changes to Outputs:")


def test_a_step_without_header_still_says_why_it_failed(serve: Serve, start: Start) -> None:
    api = serve({"main.tf": ""}, showHeader=False, folder="/none")
    assert start(api).wait() == 10
    assert api.log == "Failed: The source has no folder '/none'.\n"


def test_a_failed_apply_still_reports_the_state_that_there_is(serve: Serve, start: Start) -> None:
    main = MAIN + 'resource "terraform_data" "b" {\n  input = terraform_data.a.id\n'
    main += '  provisioner "local-exec" { command = "exit 3" }\n}\n'
    api = serve({"main.tf": main}, type="terraformApply", variables={"who": "you"})
    assert start(api).wait() == 10
    assert api.attempt.result is not None
    assert api.attempt.result["message"] == "local-exec provisioner error"
    resources = json.loads(api.attempt.files["/state-json"])["values"]["root_module"]["resources"]
    assert "terraform_data.a" in [resource["address"] for resource in resources]
    assert api.attempt.lock is None


def test_an_error_that_the_template_ignores_does_not_fail_the_step(serve: Serve, start: Start) -> None:
    script = {"runtime": "BASH", "script": "echo after all", "after": True}
    api = serve({"main.tf": "output"}, ignoreError=True, commandList=[script])
    api.attempt.answer["jobData"]["type"] = "terraformPlan"
    assert start(api).wait() == 10, "an init that fails is never ignored"

    main = 'resource "terraform_data" "a" {\n  provisioner "local-exec" { command = "exit 3" }\n}\n'
    plan = serve({"main.tf": main}, type="terraformApply", ignoreError=True, commandList=[script])
    assert start(plan).wait() == 0, plan.log
    assert plan.attempt.result is not None
    assert (plan.attempt.result["reason"], plan.attempt.result["exitCode"]) == ("error-ignored", 1)
    assert "after all" in plan.log


def test_a_plan_that_is_gone_is_not_replaced_by_a_fresh_one(serve: Serve, start: Start) -> None:
    api = serve({"main.tf": MAIN}, type="terraformApply", claim={"hasPlan": True}, variables={"who": "you"})
    assert start(api).wait() == 10
    assert api.attempt.result is not None
    assert api.attempt.result["reason"] == "plan-missing"
    assert api.attempt.states == []


def test_the_modules_own_backend_is_replaced(serve: Serve, start: Start) -> None:
    cloud = 'terraform {\n  cloud {\n    organization = "x"\n    workspaces { name = "y" }\n  }\n}\n' + MAIN
    s3 = 'terraform {\n  backend "s3" {}\n}\n' + MAIN
    leftover = {"version": 3, "backend": {"type": "s3", "config": {"bucket": "b"}, "hash": 1}}
    first = serve({"main.tf": cloud}, variables={"who": "you"})
    second = serve({"main.tf": s3, ".terraform/terraform.tfstate": json.dumps(leftover)}, variables={"who": "you"})
    agents = [start(first), start(second)]
    assert [agent.wait() for agent in agents] == [0, 0], first.log + second.log


def test_a_lock_that_somebody_else_holds_fails_the_step_with_the_holder(serve: Serve, start: Start) -> None:
    api = serve({"main.tf": MAIN}, type="terraformApply", variables={"who": "you"})
    api.attempt.lock = {"ID": "other", "Who": "somebody@else", "Operation": "apply"}
    assert start(api).wait() == 10
    assert "somebody@else" in api.log
    assert api.attempt.lock["ID"] == "other"


@pytest.mark.parametrize(
    ("changes", "reason", "sentence"),
    [
        ({"type": "disableWorkspace"}, "bad-step-type", "does not know the step type 'disableWorkspace'"),
        ({"folder": "/../.."}, "source-failed", "leads out of the source"),
        ({"folder": "/none"}, "source-failed", "no folder '/none'"),
        ({"environmentVariables": {"BIG": "x" * 140_000}}, "bad-variables", "BIG takes 140000 bytes"),
        ({"variables": {"list": "[1"}}, "bad-variables", "The variable list has the type list(string)"),
    ],
)
def test_what_cannot_be_run_fails_with_a_sentence(
    serve: Serve, start: Start, changes: dict[str, Any], reason: str, sentence: str
) -> None:
    api = serve({"main.tf": 'variable "list" { type = list(string) }\n'}, **changes)
    assert start(api).wait() == 10
    assert api.attempt.result is not None
    assert api.attempt.result["reason"] == reason
    assert sentence in api.attempt.result["message"]
    assert sentence in api.log


def test_sensitive_values_are_masked_in_the_log_and_in_the_message(serve: Serve, start: Start) -> None:
    main = 'variable "key" { type = string }\nresource "terraform_data" "a" {\n  input = var.key\n'
    main += "  lifecycle {\n    precondition {\n      condition     = length(var.key) == 0\n"
    main += '      error_message = "bad ${var.key}"\n    }\n  }\n}\n'
    key = "s3cret-line-one\nline-two-of-it"
    api = serve({"main.tf": main}, variables={"key": key}, claim={"sensitive": [key, "precondition"]})
    assert start(api).wait() == 10
    assert "s3cret" not in api.log
    assert "line-two" not in api.log
    assert api.attempt.result is not None
    assert api.attempt.result["message"] == "Resource *** failed"
    session = api.attempt.session
    assert session
    assert session not in api.log


HCL = """
variable "sizes" { type = list(number) }
variable "plain" {}
variable "text" { type = string }
variable "anything" { type = any }
variable "amount" {
  type    = number
  default = 1
}
output "all" { value = [var.sizes, var.plain, var.text, var.anything] }
"""


@pytest.mark.parametrize(("tool", "version"), TOOLS)
def test_a_variable_marked_as_hcl_is_an_expression_whatever_its_type(
    serve: Serve, start: Start, tool: str, version: str
) -> None:
    values = {"sizes": "[1, 2]", "plain": '{ a = "b" }', "text": '"${1 + 1}"', "anything": "eu-west-1"}
    marked = {"hclVariables": ["plain", "text"]}
    api = serve({"main.tf": HCL}, claim=marked, **fields(tool, version, variables=values))
    assert start(api).wait() == 0, api.log
    planned = json.loads(api.attempt.files["/plan-json"])["planned_values"]["outputs"]["all"]["value"]
    assert planned == [[1, 2], {"a": "b"}, "2", "eu-west-1"]


@pytest.mark.parametrize(("tool", "version"), TOOLS)
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"sizes": '["a", ]x'},
            "The variable sizes has the type list(number), but its value is not a valid expression at line 1, column "
            "8: unexpected text after the end of the expression.",
        ),
        (
            {"sizes": "[1]", "plain": "upper(\n1)"},
            "The variable plain is marked as HCL, but its value is not a valid expression at line 1, column 1: "
            "a value cannot call functions.",
        ),
        ({"sizes": "[1]", "plain": '[1,\n 1 - "a"]'}, "Invalid operand: the value of the variable plain, line 2"),
        ({"sizes": '["one"]'}, "Invalid value for input variable: the value of the variable sizes"),
        ({"sizes": "[1]", "amount": "many"}, "Invalid value for input variable: the value of the variable amount"),
    ],
)
def test_a_wrong_value_is_told_with_its_variables_name(
    serve: Serve, start: Start, tool: str, version: str, values: dict[str, str], message: str
) -> None:
    given = {"plain": "1", "text": "t", "anything": "1", **values}
    api = serve({"main.tf": HCL}, claim={"hclVariables": ["plain"]}, **fields(tool, version, variables=given))
    assert start(api).wait() == 10
    assert api.attempt.result is not None
    # terraform also knows the line of a value with a wrong type.
    assert api.attempt.result["message"].removesuffix(", line 1") == message


def test_undeclared_variables_are_reported_once(serve: Serve, start: Start) -> None:
    api = serve({"main.tf": MAIN}, variables={"who": "you", "wo": "typo", "shared": "1"})
    assert start(api).wait() == 0
    bodies = [json.loads(call.body) for path in ("/heartbeat", "/result") for call in api.made("POST", path)]
    reported = [body["undeclaredVariables"] for body in bodies if body["undeclaredVariables"]]
    assert reported == [["shared", "wo"]]
