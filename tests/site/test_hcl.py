"""The check of HCL expressions beside terraform and tofu themselves, which read the same texts from .tfvars files."""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from terrakube_site.terraform.hcl import Fault, check_expression, texts_in
from terrakube_site.terraform.hcl.faults import Wrong

ACCEPTED = [
    "1", "007", "-1.50", "1e5", "2.5E-3", "9007199254740993", "true", "null", '""', '"a b"', '"é😀 e\u0301"',
    '"\\n\\r\\t\\"\\\\ \\u00e9 \\U0001F600"', '"$${x} %%{x} $ % $$ 50%"', '"$$${x} %%%{y}"', '"${1}"',
    '"a${ 1 + 2 }b"', '"${"${"deep"}"}"', '"${ { a = "}" }.a }"', '"${~ 1 ~}"', '"%{ if true }x%{ else }y%{ endif }"',
    '"%{ for k, v in { a = 1 } }${k}${v}%{ endfor }"', "<<E\na $ 5 100%\n${1 + 1}\n  E  \n",
    "<<-E\n  a\n    b\n  E\n", "<<E\r\na\r\nE\r\n", "<<E\n%{ if true ~}\nx\n%{~ endif }\nE\n",
    "<<E_1-x\nE_1\n E_1-x\n", "<<größe\nx\ngröße\n", "<<E\n${<<F\ninner\nF\n}\nE\n", "[]", "[1, 2,]",
    "[\n  1, # one\n  2 // two\n]", "[1, /* two */ 2]", "{}", "{ a = 1, b = 2 }", "{\n  a = 1\n\n  b = 2\n}",
    "{\n# first\na = 1 # one\n}", '{ "a": 1, "b": [true, null] }', "{ a-b = 1, ü = 2, (1) = 3, true = 4, null = 5 }",
    '{ "x${1}" = 1 }', "{ a = { b = [{ c = null }] } }", "(1)", "((\n1\n))", "1 + 2 * 3 - 4 / 5 % 6",
    "1 < 2 && 2 >= 1 || !(1 == 2) && 1 != 2", "-(1)", "!true", "- -1", "true ? 1 : 2",
    'true ? "a" : false ? "b" : "c"', "[1, 2][0]", '{ a = 1 }["a"]', "{ a = [1] }.a.0", "[{ a = 1 }][*].a",
    "[{ a = 1 }].*.a", "[[1]].*.0", "[for x in [1, 2] : x * 2 if x > 1]", "[for i, x in [1] : [i, x]]",
    "{ for k, v in { a = 1 } : k => v }", "{ for x in [1, 1] : x => x... }", "[\nfor\nx\nin\n[1]\n:\nx\n]",
    "{for x in [for y in [1] : y] : x => [for z in [x] : z + x]}", "true ? 1 : x", "false ? f(1, x...) : 2",
    "[for x in [] : y]", '"%{ if false }${x}%{ endif }"', "1 # one", "1 // one", "1 /* one */", "[1] # ]",
    '{\n\ta\t=\t1\t}', '"/* no comment */ # none"', "[<<A\na\nA\n, <<B\nb\nB\n]", "{ a = <<A\na\nA\n  b = 1 }",
    "{ if = 1, in = 2 }",
]  # fmt: skip
"""Expressions whose value terraform can tell."""

REFUSED = {
    "": Fault(Wrong.EMPTY, 1, 1),
    " \n# only a comment": Fault(Wrong.EMPTY, 1, 1),
    '["a", ]x': Fault(Wrong.TRAILING, 1, 8),
    "1 2": Fault(Wrong.TRAILING, 1, 3),
    "1\nother = 2": Fault(Wrong.TRAILING, 2, 1),
    "1) + (2": Fault(Wrong.TRAILING, 1, 2),
    "5m": Fault(Wrong.TRAILING, 1, 2),
    "[1]]": Fault(Wrong.TRAILING, 1, 4),
    "[1, 2": Fault(Wrong.SQUARE, 1, 1),
    "{ a = 1": Fault(Wrong.CURLY, 1, 1),
    "{\n  a = [1\n}": Fault(Wrong.ITEMS, 3, 1),
    "(1": Fault(Wrong.ROUND, 1, 1),
    "[1 2]": Fault(Wrong.ITEMS, 1, 4),
    "[1;2]": Fault(Wrong.CHARACTER, 1, 3),
    "[,]": Fault(Wrong.VALUE, 1, 2),
    "{ a = 1 b = 2 }": Fault(Wrong.ENTRIES, 1, 9),
    "{ a }": Fault(Wrong.ENTRY, 1, 5),
    "{ a = }": Fault(Wrong.VALUE, 1, 7),
    "{\n  a =\n  1\n}": Fault(Wrong.VALUE, 2, 6),
    "{ for = 1 }": Fault(Wrong.LOOP, 1, 7),
    "1 +": Fault(Wrong.CUT_OFF, 1, 4),
    "1 & 2": Fault(Wrong.CHARACTER, 1, 3),
    "1.2.3": Fault(Wrong.NUMBER, 1, 1),
    "10.0.0.0/16": Fault(Wrong.NUMBER, 1, 1),
    "true ? 1": Fault(Wrong.CHOICE, 1, 9),
    "'a'": Fault(Wrong.QUOTES, 1, 1),
    "\u201ca\u201d": Fault(Wrong.QUOTES, 1, 1),
    '"a': Fault(Wrong.LINES, 1, 3),
    '[\n"a\nb"]': Fault(Wrong.LINES, 2, 3),
    '"\\d"': Fault(Wrong.ESCAPE, 1, 2),
    '"\\u12"': Fault(Wrong.ESCAPE, 1, 2),
    '"\\ud800"': Fault(Wrong.ESCAPE, 1, 2),
    '"${1"': Fault(Wrong.SEQUENCE, 1, 2),
    '"${}"': Fault(Wrong.VALUE, 1, 4),
    '"${1 2}"': Fault(Wrong.SEQUENCE, 1, 6),
    '"%{ if true }"': Fault(Wrong.DIRECTIVE, 1, 1),
    '"%{ endif }"': Fault(Wrong.DIRECTIVE, 1, 5),
    '"%{ nope }"': Fault(Wrong.DIRECTIVE, 1, 5),
    "<<E\ntext": Fault(Wrong.HEREDOC, 1, 1),
    "<<E\ntext E\n": Fault(Wrong.HEREDOC, 1, 1),
    "<<E text\nE\n": Fault(Wrong.VALUE, 1, 1),
    "<<E\na\rb\nE\n": Fault(Wrong.CHARACTER, 2, 2),
    "1\r2": Fault(Wrong.CHARACTER, 1, 2),
    "\ufeff1": Fault(Wrong.CHARACTER, 1, 1),
    "[1][0": Fault(Wrong.SQUARE, 1, 4),
    "[1].": Fault(Wrong.ATTRIBUTE, 1, 5),
    "[[1]].0.0": Fault(Wrong.CHAINED, 1, 7),
    "[for x in [1] : x => x]": Fault(Wrong.LOOP_KEY, 1, 17),
    "{ for x in [1] : x }": Fault(Wrong.LOOP_KEY, 1, 18),
    "[for x in [1] x]": Fault(Wrong.LOOP, 1, 15),
    "var.region": Fault(Wrong.REFERENCE, 1, 1),
    "eu-west-1": Fault(Wrong.REFERENCE, 1, 1),
    "[a, b]": Fault(Wrong.REFERENCE, 1, 2),
    '"${x}"': Fault(Wrong.REFERENCE, 1, 4),
    "{ (a) = 1 }": Fault(Wrong.REFERENCE, 1, 4),
    "{ a.b = 1 }": Fault(Wrong.REFERENCE, 1, 3),
    "[for x in [1] : x][y]": Fault(Wrong.REFERENCE, 1, 20),
    "{\n  a = upper(\"a\")\n}": Fault(Wrong.FUNCTION, 2, 7),
    "a::b()": Fault(Wrong.FUNCTION, 1, 1),
    '"a".b': Fault(Wrong.MEMBER, 1, 4),
    "[1] + 1": Fault(Wrong.OPERAND, 1, 1),
    "-{}": Fault(Wrong.OPERAND, 1, 2),
    "[" * 5000: Fault(Wrong.DEPTH, 1, 101),
}  # fmt: skip


@pytest.mark.parametrize("text", ACCEPTED)
def test_an_expression_is_taken(text: str) -> None:
    assert check_expression(text) is None


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:30])
def test_what_is_wrong_is_told_with_its_place(text: str) -> None:
    assert check_expression(text) == REFUSED[text]


def test_a_long_value_is_read_whole() -> None:
    text = "[" + ",\n".join(f'{{ name = "number {at}", ports = [{at}] }}' for at in range(5000)) + "]"
    assert check_expression(text) is None
    assert check_expression(f"{text}]") == Fault(Wrong.TRAILING, 5000, len(text.splitlines()[-1]) + 1)


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ('"one"', ["one"]),
        ('"a\\n\\"b\\" \\u00e9 $${x} %%{y} $ 5%"', ['a\n"b" é ${x} %{y} $ 5%']),
        ('{ user = "ann", "password" = "s3cr3t", (upper) = 1 }', []),
        ('{ user = "ann", "password" = "s3cr3t", nested = [{ k = "deep" }] }', ["ann", "s3cr3t", "deep"]),
        ('"a${"inner"}b"', ["a", "inner", "b"]),
        ("<<E\none $ 5\n  two\nE\n", ["one $ 5\n  two\n"]),
        ('["", 1, true]', []),
        ("plain words", []),
    ],
)
def test_the_texts_of_an_expression_are_found(text: str, texts: list[str]) -> None:
    assert texts_in(text) == texts


# ---- beside the programs --------------------------------------------------------------------------------------------


class Verdict(NamedTuple):
    """What a program says of one text as a value: whether it parses, and whether it can also tell the value."""

    parses: bool
    is_value: bool


def _files_in_errors(tool: str, folder: Path, names: list[str]) -> set[str]:
    files = [f"-var-file={name}.tfvars" for name in names]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    environment["CHECKPOINT_DISABLE"] = "1"
    done = subprocess.run(
        [tool, "plan", "-json", "-input=false", *files],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = [json.loads(line) for line in done.stdout.splitlines()]
    errors = [line["diagnostic"] for line in found if line.get("diagnostic", {}).get("severity") == "error"]
    assert all(error["range"]["filename"].endswith(".tfvars") for error in errors), errors
    assert bool(errors) == (done.returncode != 0), done.stderr
    return {error["range"]["filename"].removesuffix(".tfvars") for error in errors}


def _declare(folder: Path, names: list[str]) -> None:
    declared = (f'variable "{name}" {{\n  type = any\n  default = 1\n}}\n' for name in names)
    (folder / "main.tf").write_text("".join(declared))


def ask(tool: str, folder: Path, texts: list[str]) -> list[Verdict]:
    """Give each text to the program in a file of its own; it names the files with errors, all in one run."""
    names = [f"v{number}" for number in range(len(texts))]
    _declare(folder, names)
    for name, text in zip(names, texts, strict=True):
        (folder / f"{name}.tfvars").write_text(f"{name} = {text}\n", newline="")
    unparsed = _files_in_errors(tool, folder, names)
    left = [name for name in names if name not in unparsed]
    _declare(folder, left)
    no_value = _files_in_errors(tool, folder, left)
    return [Verdict(name not in unparsed, name in left and name not in no_value) for name in names]


class Maker:
    """Makes expressions by chance, most of them right, and spoils some."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - texts for a test
        self.atoms = [text for text in ACCEPTED if len(text) < 25 and "#" not in text and "//" not in text]

    def _many(self, depth: int, form: str = "{}") -> list[str]:
        return [form.format(self.expression(depth)) for _ in range(self.chance.randrange(4))]

    def expression(self, depth: int) -> str:
        one, choose = self.expression, self.chance.choice
        if depth == 0:
            return choose(self.atoms)
        inner = depth - 1
        match self.chance.randrange(10):
            case 0:
                return f"[{choose(['', chr(10)])}{', '.join(self._many(inner))}]"
            case 1:
                return f"{{{choose([', ', chr(10)]).join(self._many(inner, choose(['a = {}', '(1) = {}'])))}}}"
            case 2:
                return f"{one(inner)} {choose('+-*/%<>')} {one(inner)}"
            case 3:
                return f"{one(inner)} ? {one(inner)} : {one(inner)}"
            case 4:
                return f'"a${{{one(inner)}}}b"'
            case 5:
                return f"[for x in [{one(inner)}] : {choose(['x', one(inner)])}]"
            case 6:
                return f"<<E\n${{{one(inner)}}}\nE\n"
            case 7:
                return f"({one(inner)})"
            case 8:
                return f"{one(inner)}{choose(['.a', '[0]', '[*]', '.0'])}"
            case _:
                return one(inner)

    def spoiled(self, text: str) -> str:
        at = self.chance.randrange(len(text))
        more: str = self.chance.choice(["", *'[]{}()",:=\\$%\n .~-!#x1', text[at] * 2])
        return text[:at] + more + text[at + 1 :]

    def texts(self, count: int) -> list[str]:
        made: list[str] = []
        while len(made) < count:
            text = self.expression(self.chance.randrange(1, 4))
            made.append(self.spoiled(text) if self.chance.random() < 0.5 else text)
        return list(dict.fromkeys(made))


@pytest.mark.parametrize("tool", ["terraform", "tofu"])
def test_the_check_agrees_with_the_program(tool: str, tmp_path: Path) -> None:
    texts = list(dict.fromkeys([*ACCEPTED, *(text for text in REFUSED if len(text) < 1000), *Maker(14).texts(450)]))
    faults = {text: check_expression(text) for text in texts}
    as_entered = dict(zip(texts, ask(tool, tmp_path, texts), strict=True))
    # The executor passes values in brackets, where line breaks are allowed everywhere, as they are after -var.
    passed = dict(zip(texts, ask(tool, tmp_path, [f"({text}\n)" for text in texts]), strict=True))

    # Nothing that the program takes is refused; a second assignment is no part of a value.
    assert {text for text in texts if as_entered[text].is_value and faults[text]} == {"1\nother = 2"}
    assert {text for text in texts if passed[text].is_value and faults[text]} == {"1) + (2"}
    assert all(as_entered[text].is_value for text in ACCEPTED)
    # What the program cannot parse is refused.
    assert {text for text in texts if not passed[text].parses and faults[text] is None} == set()
    # Beside that it refuses what it cannot evaluate: references and calls, and what is only told here in part.
    taken = sum(verdict.is_value for verdict in passed.values())
    unparsed = sum(not verdict.parses for verdict in passed.values())
    assert (taken > 150, unparsed > 150) == (True, True), (taken, unparsed)
