"""The job's Terraform variables as files for `-var-file`.

A command line is visible to every process and limited to 128 KiB for each argument, so the values travel in private
files, which have the same precedence as `-var`. What a value means is decided by whether its variable is marked as
HCL, and else by the type that the module declares:

| marked as HCL | declared type | the value |
| --- | --- | --- |
| yes | any type or none | an expression |
| no | string, number, bool or none | the text itself |
| no | any | an expression where the text is one, else the text itself |
| no | list, map, set, object, tuple | an expression |

Each expression has a file with its variable's name, so that terraform names it whatever it finds wrong in there.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Container, Iterable, Mapping
from pathlib import Path

from executors.agent.errors import StepFailed
from terrakube_site.terraform.configuration.variables import Declaration, NotAnExpression, is_expression

VARIABLES_ENDING = ".tfvars"
# No variable has a dot in its name.
_TEXTS_FILE = f"all.texts{VARIABLES_ENDING}"
_PLAN_FILE = f"of.the.plan{VARIABLES_ENDING}.json"
_AUTOMATIC = re.compile(r"terraform\.tfvars(\.json)?|.+\.auto\.tfvars(\.json)?")
"""What terraform and tofu read without being told, https://opentofu.org/docs/language/values/variables/."""
_FILE_NAME = re.compile(r"[\w-]+")
_LONGEST_NAME = 200
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def write_variables(
    folder: Path, values: Mapping[str, str], declared: Mapping[str, Declaration], *, hcl: Iterable[str] = ()
) -> list[Path]:
    """Write the declared ones of `values` to private files in `folder`; return the files.

    `hcl` names the variables marked as HCL. Raises StepFailed for a value that its variable cannot have.
    """
    marked = frozenset(hcl)
    texts, expressions = [], {}
    for name, value in values.items():
        if name not in declared:
            continue
        try:
            expression = is_expression(declared[name], value, marked=name in marked)
        except NotAnExpression as error:
            raise StepFailed("bad-variables", error.sentence) from None
        if expression:
            # In parentheses it may have several lines and end with a comment, as after -var.
            expressions[name] = f"{name} = ({value}\n)\n"
        else:
            texts.append(f"{name} = {quoted(value)}\n")
    folder.mkdir(mode=0o700, exist_ok=True)
    files = [(folder / _TEXTS_FILE, "".join(texts))] if texts else []
    files += [(_file(folder, name, number), text) for number, (name, text) in enumerate(expressions.items())]
    return [_write(path, text) for path, text in files]


def has_own_values(module: Path, environment: Mapping[str, str]) -> bool:
    """Return whether a command finds values of variables by itself: in files of the module, or in the environment."""
    files = any(_AUTOMATIC.fullmatch(path.name) for path in module.iterdir())
    return files or any(name.startswith("TF_VAR_") for name in environment)


def write_values_of_plan(folder: Path, shown: Path, *, without: Container[str]) -> Path:
    """Write the values of a plan, of which `shown` is the JSON, to a private file in `folder`; return the file.

    `without` names the ephemeral variables, whose values a plan does not keep.
    """
    mark = secrets.token_hex(16)

    def as_written(number: str) -> str:
        return f"{mark}{number}{mark}"

    # As numbers of Python they would lose digits, and tofu would find other values than the plan's.
    plan = json.loads(shown.read_bytes(), parse_int=as_written, parse_float=as_written)
    values = {name: row.get("value") for name, row in (plan.get("variables") or {}).items() if name not in without}
    folder.mkdir(mode=0o700, exist_ok=True)
    return _write(folder / _PLAN_FILE, re.sub(f'"{mark}([^"]+){mark}"', r"\1", json.dumps(values)))


def _file(folder: Path, name: str, number: int) -> Path:
    # A name in a JSON file may be anything; terraform refuses it only later.
    stem = name if _FILE_NAME.fullmatch(name) and len(name.encode()) < _LONGEST_NAME else f"variable-{number}"
    return folder / f"{stem}{VARIABLES_ENDING}"


def _write(path: Path, text: str) -> Path:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", newline="") as out:
        out.write(text)
    return path


def quoted(text: str) -> str:
    """Quote a text as an HCL string: nothing in it is a template, an escape or a line end."""
    out = []
    for char in text.replace("${", "$${").replace("%{", "%%{"):
        if char in _ESCAPES:
            out.append(_ESCAPES[char])
        elif char < " " or char in "\x7f\x85\u2028\u2029\ufeff":
            out.append(f"\\u{ord(char):04x}")
        else:
            out.append(char)
    return '"' + "".join(out) + '"'
