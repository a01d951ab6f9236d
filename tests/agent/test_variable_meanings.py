"""What a variable's text means by its mark as HCL and its declared type, beside the same in a .tfvars file."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from executors.agent.errors import StepFailed
from executors.agent.terraform.variables import write_variables
from terrakube_site.terraform.configuration.variables import declared_variables

PRIMITIVE = {"none": "", "string": "string", "number": "number", "bool": "bool", "nullable": "string"}
COMPLEX = {
    "list": "list(string)",
    "map": "map(string)",
    "set": "set(string)",
    "tuple": "tuple([string, number])",
    "object": "object({ a = string, b = optional(number, 7) })",
    "list_of_any": "list(any)",
}
TYPES = {**PRIMITIVE, "any": "any", **COMPLEX}


class Text(NamedTuple):
    """What is entered; whether it is an expression; and how a .tfvars file writes it as a plain text."""

    entered: str
    expression: bool
    quoted: str


TEXTS = {
    "zeros": Text("007", True, '"007"'),
    "region": Text("eu-west-1", False, '"eu-west-1"'),
    "address": Text("10.0.0.0/16", False, '"10.0.0.0/16"'),
    "null": Text("null", True, '"null"'),
    "true": Text("true", True, '"true"'),
    "number": Text("3.50", True, '"3.50"'),
    "large": Text("9007199254740993", True, '"9007199254740993"'),
    "huge": Text("123456789012345678901234567890", True, '"123456789012345678901234567890"'),
    "empty": Text("", False, '""'),
    "blanks": Text("  two  ", False, '"  two  "'),
    "blank": Text("   ", False, '"   "'),
    "quotes": Text('say "hi"', False, '"say \\"hi\\""'),
    "quoted": Text('"hi"', True, '"\\"hi\\""'),
    "dollar": Text("${HOME} $${x} $5 $", False, '"$${HOME} $$${x} $5 $"'),
    "percent": Text("%{if} 100% %", False, '"%%{if} 100% %"'),
    "backslash": Text("C:\\new\\u00e9", False, '"C:\\\\new\\\\u00e9"'),
    "emoji": Text("\U0001f680 r\u00e9sum\u00e9 e\u0301", False, '"\U0001f680 r\u00e9sum\u00e9 e\u0301"'),
    "lines": Text("a\nb\n", False, '"a\\nb\\n"'),
    "windows": Text("a\r\nb\r\n", False, '"a\\r\\nb\\r\\n"'),
    "tabs": Text("\ta\tb", False, '"\\ta\\tb"'),
    "control": Text("bell \x07, unit \x1f", False, '"bell \\u0007, unit \\u001f"'),
    "long": Text("0123456789abcdef" * 2_500 + "!", False, '"' + "0123456789abcdef" * 2_500 + '!"'),
    "heredoc": Text("<<EOT\n  one\n${1 + 1}\nEOT", True, '"<<EOT\\n  one\\n$${1 + 1}\\nEOT"'),
    "indented": Text("<<-EOT\n  one\n    two\n  EOT\n", True, '"<<-EOT\\n  one\\n    two\\n  EOT\\n"'),
    "list": Text('["a", "b"]', True, '"[\\"a\\", \\"b\\"]"'),
    "words": Text("[a, b]", False, '"[a, b]"'),
    "pair": Text('["a", 1]', True, '"[\\"a\\", 1]"'),
    "map": Text('{ a = "x" }', True, '"{ a = \\"x\\" }"'),
    "json": Text('{"a": "x", "b": 1}', True, '"{\\"a\\": \\"x\\", \\"b\\": 1}"'),
    "many_lines": Text('[\n  "a", # first\n  "b",\n]', True, '"[\\n  \\"a\\", # first\\n  \\"b\\",\\n]"'),
    "template": Text('"${1 + 1} %{ if true }x%{ endif }"', True, '"\\"$${1 + 1} %%{ if true }x%%{ endif }\\""'),
    "broken": Text('["a", ]x', False, '"[\\"a\\", ]x"'),
    "reference": Text("var.other", False, '"var.other"'),
    "call": Text('upper("a")', False, '"upper(\\"a\\")"'),
    "comment": Text("1 # one", True, '"1 # one"'),
}


class Cell(NamedTuple):
    """One variable of the table: what a .tfvars file says of it, None where the executor alone must refuse it."""

    name: str
    kind: str
    entered: str
    marked: bool
    tfvars: str | None


def _meaning(kind: str, text: Text, *, marked: bool) -> str | None:
    """The table of the guide, in the words of a .tfvars file."""
    if kind in PRIMITIVE and not marked:
        return text.quoted
    if text.expression:
        return text.entered
    return text.quoted if kind == "any" and not marked else None


CELLS = [
    Cell(
        f"{kind}-{name}-{'hcl' if marked else 'text'}", kind, text.entered, marked, _meaning(kind, text, marked=marked)
    )
    for kind in TYPES
    for name, text in TEXTS.items()
    for marked in (False, True)
]


def _module(folder: Path, cells: list[Cell]) -> Path:
    folder.mkdir()
    blocks = []
    for cell in cells:
        kind = f"  type = {TYPES[cell.kind]}\n" if TYPES[cell.kind] else ""
        more = '  nullable = false\n  default = "default"\n' if cell.kind == "nullable" else ""
        blocks.append(f'variable "{cell.name}" {{\n{kind}{more}}}\n')
        blocks.append(f'output "{cell.name}" {{\n  value = var.{cell.name}\n}}\n')
    (folder / "main.tf").write_text("".join(blocks))
    return folder


def _run(tool: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    environment["CHECKPOINT_DISABLE"] = "1"
    return subprocess.run([tool, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)


def _refused(tool: str, folder: Path, arguments: list[str]) -> set[str]:
    """The variables that terraform names in its errors; all of them in one run."""
    done = _run(tool, folder, "plan", "-input=false", "-no-color", *arguments)
    assert done.returncode == 1
    return set(re.findall(r"not\s+suitable\s+for\s+var\.([\w-]+)", done.stderr))


def _outputs(tool: str, folder: Path, arguments: list[str]) -> dict[str, Any]:
    done = _run(tool, folder, "plan", "-input=false", "-no-color", "-out=p", *arguments)
    assert done.returncode == 0, done.stderr
    shown: dict[str, Any] = json.loads(_run(tool, folder, "show", "-json", "p").stdout, parse_float=str, parse_int=str)
    planned = shown["planned_values"]["outputs"]
    return {name: planned[name].get("value") for name in planned}


@pytest.mark.parametrize("tool", ["terraform", "tofu"])
def test_every_text_means_by_mark_and_type_what_a_tfvars_file_says(tool: str, tmp_path: Path) -> None:
    told = [cell for cell in CELLS if cell.tfvars is not None]
    bare = _module(tmp_path / "bare", told)
    ours = _module(tmp_path / "ours", told)
    for folder in (bare, ours):
        assert _run(tool, folder, "init", "-input=false").returncode == 0

    declared = declared_variables(ours, tofu=tool == "tofu")

    def bare_arguments(cells: list[Cell]) -> list[str]:
        # A file for each: terraform takes long to point at errors in a large one.
        for cell in cells:
            (bare / f"{cell.name}.tfvars").write_text(f"{cell.name} = {cell.tfvars}\n")
        return [f"-var-file={cell.name}.tfvars" for cell in cells]

    def our_arguments(cells: list[Cell]) -> list[str]:
        files = []
        for cell in cells:
            marked = [cell.name] if cell.marked else []
            files += write_variables(tmp_path / "values" / cell.name, {cell.name: cell.entered}, declared, hcl=marked)
        return [f"-var-file={path}" for path in files]

    (tmp_path / "values").mkdir()
    refused = _refused(tool, bare, bare_arguments(told))
    assert "number-region-text" in refused
    assert _refused(tool, ours, our_arguments(told)) == refused
    good = [cell for cell in told if cell.name not in refused]
    declarations = (_module(tmp_path / "good", good) / "main.tf").read_text()
    for folder in (bare, ours):
        (folder / "main.tf").write_text(declarations)
    found = _outputs(tool, ours, our_arguments(good))
    assert found == _outputs(tool, bare, bare_arguments(good))
    assert found["string-zeros-text"] == "007"
    assert found["any-region-text"] == "eu-west-1"
    assert found["none-list-hcl"] == ["a", "b"]
    assert found["list-list-text"] == ["a", "b"]
    assert len(good) > 200


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.tfvars is None], ids=lambda cell: cell.name)
def test_what_must_be_an_expression_and_is_none_is_refused_by_the_variables_name(cell: Cell, tmp_path: Path) -> None:
    declared = declared_variables(_module(tmp_path / "module", [cell]), tofu=False)
    with pytest.raises(StepFailed, match=rf"^The variable {cell.name} .* at line \d+, column \d+: "):
        write_variables(tmp_path / "v", {cell.name: cell.entered}, declared, hcl=[cell.name] if cell.marked else [])
