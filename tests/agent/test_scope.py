"""A step changes what its job asked for and nothing else, whatever the workspace sets and its scripts do."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.agent.api_server import ApiServer
from tests.agent.harness import Agent

Serve = Callable[..., ApiServer]
Start = Callable[..., Agent]

MAIN = """
locals { version = "VERSION" }
resource "terraform_data" "dep" { input = local.version }
resource "terraform_data" "a" { input = [local.version, terraform_data.dep.id] }
resource "terraform_data" "b" { input = local.version }
resource "terraform_data" "after" { input = [local.version, terraform_data.a.id] }
"""
NEW = 'resource "terraform_data" "new" { input = local.version }\n'
ALL = {"dep", "a", "b", "after"}
TOOLS = [("terraform", "1.11.4"), ("tofu", "1.12.6")]
OWN = {
    "none": {},
    "own": {
        "TF_CLI_ARGS_plan": "-parallelism=2 -compact-warnings",
        "TF_CLI_ARGS_apply": "-parallelism=2 -var 'unused=a b' -auto-approve -lock-timeout 3s; -nonsense'",
        "TF_CLI_ARGS_destroy": "-parallelism=2 -lock-timeout=3s",
    },
}
UNUSED = 'variable "unused" { default = "" }\n'


def tool_fields(tool: tuple[str, str]) -> dict[str, Any]:
    return {"tofu": tool[0] == "tofu", "terraformVersion": tool[1]}


@pytest.fixture(scope="module", params=TOOLS, ids=[name for name, _ in TOOLS])
def tool(request: pytest.FixtureRequest) -> tuple[str, str]:
    found: tuple[str, str] = request.param
    return found


@pytest.fixture(scope="module")
def before(tool: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The state of the configuration's version 1."""
    folder = tmp_path_factory.mktemp(tool[0])
    (folder / "main.tf").write_text(MAIN.replace("VERSION", "1"))
    environment = {key: value for key, value in os.environ.items() if key != "TF_CLI_CONFIG_FILE"}
    for command in (["init"], ["apply", "-auto-approve"]):
        subprocess.run([tool[0], *command], cwd=folder, env=environment, check=True, capture_output=True)
    return (folder / "terraform.tfstate").read_bytes()


def resources(state: bytes) -> dict[str, tuple[str, str]]:
    """(id, version) of each resource."""
    found = {}
    for row in json.loads(state)["resources"]:
        attributes = row["instances"][0]["attributes"]
        value = attributes["input"]["value"]
        found[row["name"]] = (attributes["id"], value if isinstance(value, str) else value[0])
    return found


class Steps:
    """The steps of one job, each with an agent of its own, as the site runs them."""

    def __init__(
        self,
        serve: Serve,
        start: Start,
        tool: tuple[str, str],
        state: bytes,
        *,
        main: str,
        claim: dict[str, Any],
        fields: dict[str, Any],
        own: dict[str, str],
    ) -> None:
        self._serve, self._start = serve, start
        self.files = {"main.tf": main}
        self.states = [state]
        self._claim = claim
        environment = {"TF_IN_AUTOMATION": "1", **own}
        self._fields = {**tool_fields(tool), "environmentVariables": environment, **fields}
        self.plan_files: dict[str, bytes] = {}

    def run(self, kind: str, *, commands: list[dict[str, Any]] | None = None, **claim: Any) -> ApiServer:
        """Run a step of a kind, and go on with the state and the plan that it leaves."""
        stored = kind == "terraformApply" and bool(self.plan_files)
        destroys = kind in ("terraformDestroy", "terraformPlanDestroy")
        answer = {**self._claim, "hasPlan": stored, "destroys": destroys, **claim}
        api = self._serve(self.files, type=kind, claim=answer, commandList=commands, **self._fields)
        api.attempt.states = list(self.states)
        api.attempt.files.update(self.plan_files)
        self._start(api).wait(60)
        self.states = list(api.attempt.states)
        self.plan_files = {
            path: content for path, content in api.attempt.files.items() if path in ("/plan-file", "/plan-lock-file")
        }
        return api

    @property
    def resources(self) -> dict[str, tuple[str, str]]:
        return resources(self.states[-1])


type MakeSteps = Callable[..., Steps]


@pytest.fixture
def steps(serve: Serve, start: Start, tool: tuple[str, str], before: bytes) -> MakeSteps:
    """Makes the steps of a job: `steps(version, own, asked of the claim…, fields of the job data={…})`."""

    def make(version: str, own: dict[str, str], fields: dict[str, Any] | None = None, **claim: Any) -> Steps:
        main = MAIN.replace("VERSION", version) + UNUSED + (NEW if version != "1" else "")
        return Steps(serve, start, tool, before, main=main, claim=claim, fields=fields or {}, own=own)

    return make


def outcome(api: ApiServer) -> tuple[str, str]:
    assert api.attempt.result is not None, api.log
    return api.attempt.result["outcome"], api.attempt.result["reason"]


ASKED: dict[str, dict[str, Any]] = {
    "targets": {"version": "2", "targets": ["terraform_data.a"]},
    "replace": {"version": "1", "replaces": ["terraform_data.b"]},
    "targets and replace": {"version": "2", "targets": ["terraform_data.a"], "replaces": ["terraform_data.dep"]},
    "refresh-only": {"version": "2", "fields": {"refreshOnly": True}},
    "refresh=false": {"version": "2", "fields": {"refresh": False}},
    "nothing": {"version": "2"},
}
# name -> (changed by an apply, made anew by it); both without what is gone or new.
CHANGED: dict[str, tuple[set[str], set[str]]] = {
    "targets": ({"dep", "a"}, set()),
    "replace": (set(), {"b"}),
    "targets and replace": ({"dep", "a"}, {"dep"}),
    "refresh-only": (set(), set()),
    "refresh=false": ({"dep", "a", "b", "after", "new"}, set()),
    "nothing": ({"dep", "a", "b", "after", "new"}, set()),
}
FLOWS = {
    "plan and apply": ["terraformPlan", "terraformApply"],
    "apply": ["terraformApply"],
}


@pytest.mark.parametrize("own", OWN)
@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("flow", FLOWS)
def test_a_plan_and_an_apply_change_what_was_asked(
    steps: MakeSteps, before: bytes, flow: str, asked: str, own: str
) -> None:
    job = steps(own=OWN[own], **ASKED[asked])
    logs = ""
    for kind in FLOWS[flow]:
        api = job.run(kind)
        assert outcome(api) == ("succeeded", "done"), api.log
        logs += api.log
        if kind == "terraformPlan":
            assert job.states == [before]
    first, last = resources(before), job.resources
    changed = {name for name, (_, version) in last.items() if version != first.get(name, ("", ""))[1]}
    replaced = {name for name, (identity, _) in last.items() if name in first and identity != first[name][0]}
    assert (changed, replaced) == CHANGED[asked]
    assert last.keys() - first.keys() == (changed & {"new"})
    assert ("Refreshing state" in logs) == (asked != "refresh=false")
    if flow == "apply":
        # What a log of one command has, it has once.
        assert logs.count("Apply complete!") == 1


@pytest.mark.parametrize("own", OWN)
@pytest.mark.parametrize("flow", [["terraformDestroy"], ["terraformPlanDestroy", "terraformApply"]], ids=len)
@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ({"targets": ["terraform_data.a"]}, {"dep", "b"}),
        ({"targets": ["terraform_data.b", "terraform_data.after"]}, {"dep", "a"}),
        ({"fields": {"refresh": False}}, set()),
        ({}, set()),
    ],
    ids=["target", "targets", "refresh=false", "nothing"],
)
def test_a_destroy_destroys_what_was_asked_and_what_depends_on_it(
    steps: MakeSteps, asked: dict[str, Any], left: set[str], flow: list[str], own: str
) -> None:
    job = steps(version="2", own=OWN[own], **asked)
    logs = ""
    for kind in flow:
        api = job.run(kind, destroys=True)
        assert outcome(api) == ("succeeded", "done"), api.log
        logs += api.log
    assert job.resources.keys() == left
    assert ("Refreshing state" in logs) == ("fields" not in asked)


WIDER = "-target=terraform_data.b"


@pytest.mark.parametrize(
    ("kind", "own", "touched"),
    [
        ("terraformPlan", {"TF_CLI_ARGS_plan": WIDER}, "terraform_data.b."),
        ("terraformApply", {"TF_CLI_ARGS_apply": WIDER}, "terraform_data.b."),
        ("terraformApply", {"TF_CLI_ARGS_apply": f"{WIDER} -target terraform_data.new"}, "terraform_data.b, "),
        ("terraformDestroy", {"TF_CLI_ARGS_destroy": WIDER}, "terraform_data.b."),
        ("terraformPlanDestroy", {"TF_CLI_ARGS_plan": WIDER}, "terraform_data.b."),
        # A plan that destroys is no plan that was asked for.
        ("terraformPlan", {"TF_CLI_ARGS_plan": "-destroy"}, "terraform_data.after."),
    ],
)
def test_arguments_of_the_workspace_cannot_widen_the_scope(
    steps: MakeSteps, before: bytes, kind: str, own: dict[str, str], touched: str
) -> None:
    job = steps("2", own, targets=["terraform_data.a"])
    api = job.run(kind)
    assert outcome(api) == ("failed", "out-of-scope"), api.log
    assert api.attempt.result is not None
    assert "goes beyond the job's targets, so nothing was applied: " in api.attempt.result["message"]
    assert touched in api.attempt.result["message"]
    assert api.attempt.result["message"] in api.log
    assert job.resources == resources(before)
    assert api.attempt.lock is None


def test_arguments_of_the_workspace_for_an_apply_cannot_widen_a_stored_plan(steps: MakeSteps, before: bytes) -> None:
    job = steps("2", {"TF_CLI_ARGS_apply": f"{WIDER} -replace=terraform_data.b"}, targets=["terraform_data.a"])
    assert outcome(job.run("terraformPlan")) == ("succeeded", "done")
    api = job.run("terraformApply")
    assert outcome(api) == ("succeeded", "done"), api.log
    assert job.resources["b"] == resources(before)["b"]
    assert job.resources["a"][1] == "2"


def script(text: str, **when: bool) -> list[dict[str, Any]]:
    return [{"runtime": "BASH", "script": text, "priority": 1, **when}]


def planting(plan: bytes) -> list[dict[str, Any]]:
    """A script that puts another plan in place of the stored one."""
    text = base64.b64encode(plan).decode()
    return script(f"echo {text} | base64 -d > terraformLibrary.tfPlan", before=True)


@pytest.mark.parametrize("forged", [{}, {"targets": ["terraform_data.b"]}], ids=["whole", "other"])
def test_a_script_that_replaces_the_plan_is_stopped(steps: MakeSteps, before: bytes, forged: dict[str, Any]) -> None:
    other = steps("2", {}, **forged)
    assert outcome(other.run("terraformPlan")) == ("succeeded", "done")
    job = steps("2", {}, targets=["terraform_data.a"])
    assert outcome(job.run("terraformPlan")) == ("succeeded", "done")
    stored, commands = job.plan_files, planting(other.plan_files["/plan-file"])
    api = job.run("terraformApply", commands=commands)
    assert outcome(api) == ("failed", "out-of-scope"), api.log
    assert "terraform_data.b" in api.attempt.result["message"]  # type: ignore[index]
    assert job.resources == resources(before)

    unbounded = steps("2", {})
    unbounded.plan_files = stored
    api = unbounded.run("terraformApply", commands=commands)
    assert outcome(api) == ("failed", "plan-altered"), "what was shown to who approves was the stored plan"
    assert unbounded.resources == resources(before)


def test_a_script_that_replaces_the_plan_by_one_within_the_targets_is_stopped(steps: MakeSteps, before: bytes) -> None:
    other = steps("3", {}, targets=["terraform_data.a"])
    assert outcome(other.run("terraformPlan")) == ("succeeded", "done")
    job = steps("2", {}, targets=["terraform_data.a"])
    assert outcome(job.run("terraformPlan")) == ("succeeded", "done")
    api = job.run("terraformApply", approved=True, commands=planting(other.plan_files["/plan-file"]))
    assert outcome(api) == ("failed", "plan-altered"), api.log
    assert job.resources == resources(before)


@pytest.mark.parametrize("text", ["echo rubbish > terraformLibrary.tfPlan", "rm terraformLibrary.tfPlan"])
def test_a_plan_that_cannot_be_read_is_not_applied(steps: MakeSteps, before: bytes, text: str) -> None:
    job = steps("2", {}, targets=["terraform_data.a"])
    assert outcome(job.run("terraformPlan")) == ("succeeded", "done")
    api = job.run("terraformApply", commands=script(text, before=True))
    assert outcome(api) in {("failed", "scope-unknown"), ("failed", "plan-missing")}, api.log
    assert job.resources == resources(before)


def test_a_stored_plan_that_reaches_further_is_stopped(steps: MakeSteps, before: bytes) -> None:
    wide = steps("2", {})
    assert outcome(wide.run("terraformPlan")) == ("succeeded", "done")
    job = steps("2", {}, targets=["terraform_data.a"])
    job.plan_files = wide.plan_files
    # Approval does not widen the targets: what was shown as asked for is what was approved.
    api = job.run("terraformApply", approved=True)
    assert outcome(api) == ("failed", "out-of-scope"), api.log
    message = api.attempt.result["message"]  # type: ignore[index]
    assert message.endswith("so nothing was applied: terraform_data.after, terraform_data.b, terraform_data.new.")
    assert job.resources == resources(before)

    refreshing = steps("2", {}, {"refreshOnly": True})
    refreshing.plan_files = wide.plan_files
    api = refreshing.run("terraformApply", approved=True)
    assert outcome(api) == ("failed", "out-of-scope"), api.log
    assert "The job only refreshes the state" in api.attempt.result["message"]  # type: ignore[index]
    assert refreshing.resources == resources(before)


def test_a_job_that_only_plans_is_told_what_its_plan_reaches_beside_its_targets(steps: MakeSteps) -> None:
    job = steps("2", {"TF_CLI_ARGS_plan": WIDER}, targets=["terraform_data.a"], planOnly=True)
    api = job.run("terraformPlan")
    assert outcome(api) == ("succeeded", "done")
    assert "goes beyond the job's targets" in api.log


@pytest.mark.parametrize("approved", [True, False])
@pytest.mark.parametrize("flow", ["stored", "replaced by a script", "without a plan"])
def test_more_than_the_replacements_is_changed_only_by_a_plan_that_a_person_approved(
    steps: MakeSteps, before: bytes, flow: str, approved: bool
) -> None:
    job = steps("2", {}, replaces=["terraform_data.a"])
    commands = None
    if flow != "without a plan":
        assert outcome(job.run("terraformPlan")) == ("succeeded", "done")
    if flow == "replaced by a script":
        other = steps("2", {})
        assert outcome(other.run("terraformPlan")) == ("succeeded", "done")
        commands = planting(other.plan_files["/plan-file"])
    api = job.run("terraformApply", approved=approved, commands=commands)
    if flow == "stored" and approved:
        assert outcome(api) == ("succeeded", "done"), api.log
        assert {version for _, version in job.resources.values()} == {"2"}
        return
    assert outcome(api) == ("failed", "out-of-scope"), api.log
    assert "no person approved it" in api.attempt.result["message"]  # type: ignore[index]
    assert job.resources == resources(before)


def test_an_apply_without_a_plan_says_and_ends_as_before(serve: Serve, start: Start, tool: tuple[str, str]) -> None:
    failing = 'resource "terraform_data" "a" {\n  provisioner "local-exec" { command = "exit 3" }\n}\n'
    cases = {
        "no changes": ('output "o" { value = 1 }\n', {}, ("succeeded", "done", 0)),
        "failing": (failing, {}, ("failed", "terraform-failed", 1)),
        "failing plan": ('resource "x" {}\n', {}, ("failed", "init-failed", 1)),
        "ignored": (failing, {"ignoreError": True}, ("succeeded", "error-ignored", 1)),
        "ignored plan": (
            'resource "terraform_data" "a" { input = file("none") }\n',
            {"ignoreError": True},
            ("succeeded", "error-ignored", 1),
        ),
    }
    for name, (main, more, expected) in cases.items():
        api = serve({"main.tf": main}, type="terraformApply", **tool_fields(tool), **more)
        start(api).wait(60)
        assert api.attempt.result is not None
        found = tuple(api.attempt.result[key] for key in ("outcome", "reason", "exitCode"))
        assert found == expected, f"{name}: {api.log}"


def test_variables_on_the_workspaces_own_command_line_reach_an_apply_without_a_plan(
    serve: Serve, start: Start, tool: tuple[str, str]
) -> None:
    main = 'variable "who" {}\nvariable "key" {\n  type = string\n  ephemeral = true\n}\n'
    main += 'variable "file" {}\noutput "greeting" { value = "hello ${var.who} and ${var.file}" }\n'
    main += 'provider "terraform" {}\nresource "terraform_data" "a" { input = var.who }\n'
    own = {"TF_CLI_ARGS_apply": "-var 'who=you there' -var=key=k -var-file=some.tfvars"}
    api = serve(
        {"main.tf": main, "some.tfvars": 'file = "them"\n'},
        type="terraformApply",
        environmentVariables=own,
        **tool_fields(tool),
    )
    start(api).wait(60)
    assert outcome(api) == ("succeeded", "done"), api.log
    assert json.loads(api.attempt.states[-1])["outputs"]["greeting"]["value"] == "hello you there and them"


def test_nothing_of_a_plan_stays_behind(serve: Serve, start: Start, tool: tuple[str, str]) -> None:
    api = serve(
        {"main.tf": 'resource "terraform_data" "a" {}\n'},
        type="terraformApply",
        claim={"targets": ["terraform_data.a"]},
        **tool_fields(tool),
    )
    agent = start(api)
    assert agent.wait(60) == 0, api.log
    assert list(Path(agent.work).iterdir()) == []
