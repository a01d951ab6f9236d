"""What counts as within a scope, compared with what terraform and tofu themselves plan for the same targets."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from executors.contract.plan_dependencies import Dependencies, read_dependencies
from executors.contract.scope import Scope, in_words, outside

MODULE = """
variable "given" { default = 0 }
locals { inner = var.given }
resource "terraform_data" "one" {
  count = 2
  input = 1
}
resource "terraform_data" "two" { input = local.inner }
resource "terraform_data" "three" { input = terraform_data.two.output }
output "one" { value = terraform_data.one[0].output }
output "three" { value = terraform_data.three.output }
"""
BEFORE = """
locals {
  first  = terraform_data.base.output
  second = { key = local.first }
}
resource "terraform_data" "base" { input = "VERSION" }
resource "terraform_data" "a" { input = local.second.key }
resource "terraform_data" "b" { input = "VERSION" }
resource "terraform_data" "after" { input = terraform_data.a.output }
resource "terraform_data" "many" {
  for_each = { "k y" = 1, "dot.s" = 2, "qu\\"ote" = 3 }
  input    = "VERSION"
}
module "m" {
  source   = "./m"
  for_each = toset(["k y", "w"])
  given    = terraform_data.b.output
}
module "single" {
  source     = "./m"
  given      = module.m["w"].one
  depends_on = [terraform_data.base]
}
resource "terraform_data" "of_module" { input = module.single.three }
resource "terraform_data" "beside_module" {
  input      = "VERSION"
  depends_on = [module.m]
}
output "a" { value = terraform_data.a.output }
output "all" { value = [terraform_data.a.output, terraform_data.b.output] }
output "constant" { value = "VERSION" }
"""
ORPHAN = 'resource "terraform_data" "orphan" { input = terraform_data.a.output }\n'
NEW = """
resource "terraform_data" "new" { input = terraform_data.after.output }
resource "terraform_data" "needs_new" {
  count            = 2
  input            = terraform_data.new.output
  triggers_replace = terraform_data.many["k y"].output
}
"""
TARGETS = [
    ("terraform_data.a",),
    ("terraform_data.b",),
    ("terraform_data.after",),
    ("terraform_data.orphan",),
    ("terraform_data.new",),
    ("terraform_data.needs_new[1]",),
    ('terraform_data.many["k y"]',),
    ('terraform_data.many["qu\\"ote"]', "terraform_data.base"),
    ("module.m",),
    ('module.m["k y"]',),
    ('module.m["k y"].terraform_data.two',),
    ('module.m["w"].terraform_data.one[1]',),
    ("module.single",),
    ("module.single.terraform_data.three",),
    ("terraform_data.of_module",),
    ("terraform_data.beside_module", "terraform_data.b"),
]
IDS = [" ".join(targets) for targets in TARGETS]


@dataclass(frozen=True)
class Folder:
    """A configuration whose state is one version behind it."""

    tool: str
    path: Path

    def run(self, *arguments: str) -> str:
        environment = {**os.environ, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
        environment.pop("TF_CLI_CONFIG_FILE", None)
        command = [self.tool, *arguments]
        done = subprocess.run(command, cwd=self.path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def plan(self, *arguments: str) -> tuple[dict[str, Any], str]:
        """The JSON of a plan and its graph."""
        self.run("plan", "-input=false", "-lock=false", "-out=plan", *arguments)
        plan: dict[str, Any] = json.loads(self.run("show", "-json", "plan"))
        return plan, self.run("graph", "-type=plan", "-plan=plan")


@pytest.fixture(scope="module", params=["terraform", "tofu"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    path = tmp_path_factory.mktemp(request.param)
    made = Folder(request.param, path)
    (path / "m").mkdir()
    (path / "m" / "main.tf").write_text(MODULE)
    (path / "main.tf").write_text(BEFORE.replace("VERSION", "1") + ORPHAN)
    made.run("init")
    made.run("apply", "-auto-approve")
    (path / "main.tf").write_text(BEFORE.replace("VERSION", "2") + NEW)
    return made


def touched(plan: dict[str, Any]) -> set[str]:
    rows = plan.get("resource_changes") or ()
    return {row["address"] for row in rows if row["change"]["actions"] not in (["no-op"], ["read"])}


def found(plan: dict[str, Any], graph: str, scope: Scope) -> set[str]:
    return set(outside(plan, scope, lambda: read_dependencies(graph, plan, destroys=scope.destroys)))


@pytest.fixture(scope="module")
def everything(folder: Folder) -> Callable[..., tuple[dict[str, Any], str]]:
    plans: dict[tuple[str, ...], tuple[dict[str, Any], str]] = {}

    def plan(*arguments: str) -> tuple[dict[str, Any], str]:
        if arguments not in plans:
            plans[arguments] = folder.plan(*arguments)
        return plans[arguments]

    return plan


@pytest.mark.parametrize("mode", ["plan", "destroy"])
@pytest.mark.parametrize("targets", TARGETS, ids=IDS)
def test_within_is_what_the_tool_plans_for_the_targets_and_nothing_else(
    folder: Folder, everything: Callable[..., tuple[dict[str, Any], str]], targets: tuple[str, ...], mode: str
) -> None:
    flags = ["-destroy"] if mode == "destroy" else []
    scope = Scope(targets=targets, destroys=mode == "destroy")
    own, graph = folder.plan(*flags, *(f"-target={target}" for target in targets))
    assert found(own, graph, scope) == set()

    whole, graph = everything(*flags)
    beyond = {address for address in found(whole, graph, scope) if not address.startswith("output.")}
    assert beyond == touched(whole) - touched(own)


def test_an_output_of_something_outside_is_outside(
    everything: Callable[..., tuple[dict[str, Any], str]],
) -> None:
    whole, graph = everything()
    assert {"output.all"} == {
        address for address in found(whole, graph, Scope(targets=["terraform_data.a"])) if address.startswith("output.")
    }


def test_replacements_alone_have_nothing_added(
    folder: Folder, everything: Callable[..., tuple[dict[str, Any], str]]
) -> None:
    whole, graph = everything()
    scope = Scope(replaces=["terraform_data.a"])
    assert found(whole, graph, scope) == touched(whole) - {"terraform_data.a"}
    both, graph = folder.plan("-target=terraform_data.after", "-replace=terraform_data.base")
    asked = Scope(targets=["terraform_data.after"], replaces=["terraform_data.base"])
    assert touched(both) == {f"terraform_data.{name}" for name in ("base", "a", "after")}
    assert found(both, graph, asked) == set()


def row(address: str, *actions: str, **more: Any) -> dict[str, Any]:
    change = {"actions": list(actions), **({"importing": more.pop("importing")} if "importing" in more else {})}
    return {"address": address, "change": change, **more}


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ({"resource_changes": [row("t.a", "no-op"), row("t.b", "no-op"), row("data.t.c", "read")]}, []),
        ({"resource_changes": [row("t.b", "update")]}, ["t.b"]),
        ({"resource_changes": [row("t.new", "no-op", previous_address="t.a")]}, []),
        ({"resource_changes": [row("t.new", "no-op", previous_address="t.old")]}, ["t.new"]),
        ({"resource_changes": [row("t.b", "no-op", importing={"id": "1"})]}, ["t.b"]),
        ({"resource_changes": [row("t.b", "forget")]}, ["t.b"]),
        ({"resource_changes": [row("t.a[0]", "create"), row('t.a["x"]', "delete")]}, []),
        ({"resource_changes": [row("t.b", "delete", deposed="1234"), row("t.b", "update")]}, ["t.b"]),
        ({"resource_drift": [row("t.a", "update"), row("t.b", "update")]}, ["t.b"]),
        (
            {
                "action_invocations": [
                    {"address": "action.x.y", "lifecycle_action_trigger": {"triggering_resource_address": "t.a"}},
                    {"address": "action.x.z", "invoke_action_trigger": {}},
                ]
            },
            ["action.x.z"],
        ),
    ],
)
def test_every_kind_of_change_counts(plan: dict[str, Any], expected: list[str]) -> None:
    assert outside(plan, Scope(targets=["t.a"]), lambda: read_dependencies("", plan, destroys=False)) == expected


@pytest.mark.parametrize("scope", [Scope(targets=["t.a"]), Scope(refresh_only=True)], ids=["targets", "refresh-only"])
@pytest.mark.parametrize("plan", [None, [], {"resource_changes": [{}]}, {"resource_changes": ["x"]}])
def test_what_is_no_plan_is_never_within(plan: Any, scope: Scope) -> None:
    with pytest.raises((KeyError, TypeError, AttributeError)):
        outside(plan, scope, lambda: read_dependencies("", {}, destroys=False))


def test_a_job_that_only_refreshes_changes_nothing() -> None:
    plan = {
        "resource_changes": [
            *(row("t.a", "no-op"), row("data.t.b", "read"), row("t.moved", "no-op", previous_address="t.c")),
            *(row("t.d", "update"), row("t.e", "forget"), row("t.f", "no-op", importing={"id": "1"})),
        ],
        "resource_drift": [row("t.g", "update"), row("t.h", "no-op", previous_address="t.i")],
        "action_invocations": [{"address": "action.x.y"}],
    }
    changed = ["t.d", "t.e", "t.f", "action.x.y"]
    assert outside(plan, Scope(refresh_only=True), Dependencies) == changed
    # Its targets are no permission to change them.
    assert outside(plan, Scope(refresh_only=True, targets=["t.d"]), Dependencies) == changed
    del plan["action_invocations"], plan["resource_changes"][3:]
    assert outside(plan, Scope(refresh_only=True), Dependencies) == []
    assert outside(plan, Scope(refresh_only=True, targets=["t.g"]), Dependencies) == ["t.moved"]


def test_a_key_is_the_same_however_it_is_written() -> None:
    composed = ['t.a["\xe9"]', 't.a["\U0001f600"]', r't.a["\U000e0041\n$${x}"]']
    plan = {"resource_changes": [row(address, "update") for address in composed]}
    decomposed = ['t.a["e\u0301"]', r't.a["\U0001f600"]', 't.a["\U000e0041\\u000a$${x}"]']
    assert outside(plan, Scope(targets=decomposed), Dependencies) == []
    others = ['t.a["e"]', r't.a["\\U0001f600"]', r't.a["\U00110041\n$${x}"]']
    assert outside(plan, Scope(targets=others), Dependencies) == composed


def test_a_list_of_addresses_is_bounded() -> None:
    said = in_words([f"t.n{number}" for number in range(5000)] + ["t." + "x" * 5000])
    assert said.startswith("t.n0, t.n1")
    assert said.endswith(" and 4993 more")
    assert len(in_words(["t." + "x" * 5000])) == 120
