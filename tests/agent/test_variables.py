"""Terraform variables arrive in real terraform and tofu as `-var` would bring them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from executors.agent.errors import StepFailed
from executors.agent.terraform.variables import quoted, write_values_of_plan, write_variables
from terrakube_site.terraform.configuration.blocks import hcl_blocks, json_blocks
from terrakube_site.terraform.configuration.variables import Declaration, declarations_in, declared_variables
from terrakube_site.terraform.hcl import check_expression

ODD = 'a "quoted" \\ text,\n\ttab, ${var.x} %{if} $${kept} 日本語 \x07\x7f'
BIG = "0123456789abcdef" * 65_536

DECLARATIONS = """
# variable "commented" {}
/* variable "too" { */
variable "plain" {}
variable "text" { type = string }
variable "number" { type = number }
variable "flag" { type = bool }
variable "list" {
  description = "with a } and a \\"quote\\" and ${"nested }"}"
  type        = list(string)
}
variable "object" {
  type = object({
    name  = string # with a comment }
    sizes = optional(list(number), [1, 2])
  })
  validation {
    condition     = length(var.object.name) > 0
    error_message = "type = bool"
  }
}
variable "anything" { type = any }
variable "document" { type = map(string) }
variable bare_list { type = list }
variable bare_map { type = map }
variable "big" { type = string }
variable "odd" {
  type = string
  default = <<-EOT
    variable "inside" { type = bool }
  EOT
}
output "all" {
  value = {
    plain = var.plain, text = var.text, number = var.number, flag = var.flag, list = var.list, object = var.object
    anything = var.anything, document = var.document, bare_list = var.bare_list, odd = var.odd
    bare_map = var.bare_map, big = sha256(var.big)
  }
}
"""
VALUES = {
    "plain": "[not, a, list]",
    "text": "007",
    "number": "3.50",
    "flag": "true",
    "list": '["a", "b${1 + 1}"] # a comment at the end',
    "object": '{\n  name = "n"\n}',
    "anything": '{ a = [1, true, null], b = "x" }',
    "document": "{\n  text = <<EOT\nline } ( [\nEOT\n}",
    "bare_list": '["x"]',
    "bare_map": '{ a = "x" }',
    "big": BIG,
    "odd": ODD,
    "unknown": "not declared",
}


def plan(tool: str, module: Path, files: list[Path]) -> dict[str, Any]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    environment["CHECKPOINT_DISABLE"] = "1"

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [tool, *arguments], cwd=module, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("init", "-input=false")
    run("plan", "-input=false", "-out=p", *(f"-var-file={path}" for path in files))
    outputs: dict[str, Any] = json.loads(run("show", "-json", "p"))["planned_values"]["outputs"]
    return outputs


@pytest.mark.parametrize("tool", ["terraform", "tofu"])
def test_values_of_every_kind_arrive_unchanged_and_before_all_files(tool: str, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(DECLARATIONS)
    (tmp_path / "terraform.tfvars").write_text('text = "from terraform.tfvars"\n')
    (tmp_path / "z.auto.tfvars").write_text('text = "from auto.tfvars"\nflag = false\n')
    folder = tmp_path / "private"
    files = write_variables(folder, VALUES, declared_variables(tmp_path, tofu=tool == "tofu"))
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert plan(tool, tmp_path, files)["all"]["value"] == {
        "plain": "[not, a, list]",
        "text": "007",
        "number": 3.5,
        "flag": True,
        "list": ["a", "b2"],
        "object": {"name": "n", "sizes": [1, 2]},
        "anything": {"a": [1, True, None], "b": "x"},
        "document": {"text": "line } ( [\n"},
        "bare_list": ["x"],
        "bare_map": {"a": "x"},
        "big": hashlib.sha256(BIG.encode()).hexdigest(),
        "odd": ODD,
    }


def test_declarations_are_found_and_what_only_looks_like_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(DECLARATIONS)
    declared = declared_variables(tmp_path, tofu=False)
    assert set(declared) == set(VALUES) - {"unknown"}
    assert declared["object"].type.startswith("object({name=string")
    assert declared["plain"].type == ""


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ('"string"', 'a = "[1]"\n'),
        ('"list"', "a = ([1]\n)\n"),
        ("any", "a = ([1]\n)\n"),
        ("", 'a = "[1]"\n'),
        (" number ", 'a = "[1]"\n'),
    ],
)
def test_the_type_decides_how_a_value_is_read_as_in_terraform_since_0_12(kind: str, line: str, tmp_path: Path) -> None:
    (written,) = write_variables(tmp_path / "v", {"a": "[1]"}, {"a": Declaration("a", kind)})
    assert written.read_text() == line


def test_json_files_and_override_files_count(tmp_path: Path) -> None:
    (tmp_path / "a.tf").write_text('variable "a" {}\nvariable "b" { type = string }\n')
    (tmp_path / "b.tf.json").write_text(json.dumps({"variable": [{"c": {"type": "list(string)"}}, {"d": [{}]}]}))
    (tmp_path / "a_override.tf").write_text('variable "b" { type = list(string) }\nvariable "a" { default = 1 }\n')
    (tmp_path / "override.tf.json").write_text(
        json.dumps({"variable": {"d": {"type": "map(string)", "ephemeral": True}}})
    )
    (tmp_path / "x.tfvars").write_text('variable "no" {}')
    assert declared_variables(tmp_path, tofu=False) == {
        "a": Declaration("a"),
        "b": Declaration("b", "list(string)"),
        "c": Declaration("c", "list(string)"),
        "d": Declaration("d", "map(string)", True),
    }


def test_tofu_reads_its_own_file_instead_of_the_one_beside_it(tmp_path: Path) -> None:
    (tmp_path / "a.tf").write_text('variable "a" {}')
    (tmp_path / "a.tofu").write_text('variable "b" {}')
    (tmp_path / "c.tf.json").write_text('{"variable": {"c": {}}}')
    (tmp_path / "c.tofu.json").write_text('{"variable": {"d": {}}}')
    assert set(declared_variables(tmp_path, tofu=False)) == {"a", "c"}
    assert set(declared_variables(tmp_path, tofu=True)) == {"b", "d"}


@pytest.mark.parametrize("value", ["[1, 2", "{ a = 1 }}", "1) \n other = (2", '"open', "<<EOT\nno end", "", "  "])
@pytest.mark.parametrize("marked", [False, True])
def test_a_value_that_is_no_expression_is_refused_by_its_name(value: str, marked: bool, tmp_path: Path) -> None:
    why = "is marked as HCL" if marked else r"has the type list\(number\)"
    sentence = rf"The variable sizes {why}, but its value is not a valid expression at line \d, column \d+: [a-z ]+"
    declared = {"sizes": Declaration("sizes", "list(number)")}
    with pytest.raises(StepFailed, match=sentence) as caught:
        write_variables(tmp_path / "v", {"sizes": value}, declared, hcl=["sizes"] if marked else [])
    assert caught.value.reason == "bad-variables"


def test_each_expression_has_a_file_with_its_variables_name(tmp_path: Path) -> None:
    names = ["sizes", "größe", "../../escaped", "a" * 255, "plain"]
    declared = {name: Declaration(name, "" if name == "plain" else "any") for name in names}
    files = write_variables(tmp_path / "v", dict.fromkeys(names, "[1]"), declared)
    written = ["all.texts.tfvars", "sizes.tfvars", "größe.tfvars", "variable-2.tfvars", "variable-3.tfvars"]
    assert files == [tmp_path / "v" / name for name in written]
    assert sorted(path.name for path in tmp_path.rglob("*.tfvars")) == sorted(written)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('variable "a" {', ["a"]),
        ('variable "a', []),
        ("variable", []),
        ('module "variable" { variable "x" {} }', []),
        ('locals { s = "${jsonencode({ a = "}" })}" }\nvariable "a" {}', ["a"]),
        ('locals { s = "$${" }\nvariable "a" {}', ["a"]),
        ("locals { s = <<A\n}\n${\nA\n}\nvariable a {}", ["a"]),
        ("// variable x {}\nvariable a {}", ["a"]),
        ('variable "a" { type = string }\r\nvariable "b" {}\r\n', ["a", "b"]),
        ("\ufeffvariable a {}", ["a"]),
    ],
)
def test_the_scanner_survives_odd_text(text: str, names: list[str]) -> None:
    assert [declaration.name for declaration in declarations_in(hcl_blocks(text))] == names


def test_a_json_file_that_is_none_declares_nothing() -> None:
    assert json_blocks("{") == json_blocks("[1]") == json_blocks('{"variable": {"a": 1}}') == ()


def test_quoting_leaves_nothing_to_interpret() -> None:
    assert quoted('$${a} %{b}"\\\n') == '"$$${a} %%{b}\\"\\\\\\n"'
    assert check_expression(quoted(ODD)) is None


def test_the_values_of_a_plan_keep_each_digit(tmp_path: Path) -> None:
    values = '{"n":0.12345678901234567890123,"m":{"a":[1e400,-1.50],"b":12345678901234567890123.5},"t":"1.50","z":null}'
    long = "1" + "0" * 5000
    rows = {"kept": values, "long": long, "secret": "7"}
    shown = ",".join(f'"{name}":{{"value":{value}}}' for name, value in rows.items())
    (tmp_path / "plan.json").write_text(f'{{"variables":{{{shown},"null":{{}}}}}}')
    written = write_values_of_plan(tmp_path, tmp_path / "plan.json", without={"secret"}).read_text()
    assert written.replace(" ", "") == f'{{"kept":{values},"long":{long},"null":null}}'
