"""The job's Terraform variables as one file for `-var-file`.

They mean what `-var name=value` would mean: the text itself where the module declares a primitive type or none, an
HCL expression where it declares another one. But a command line is visible to every process and limited to
128 KiB for each argument, so they travel in a private file, which has the same precedence.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from .errors import StepFailed
from .hcl_scan import Declaration, is_balanced, scan_hcl, scan_json

_LITERAL = {"", "string", "number", "bool", '"string"'}
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def declared_variables(module: Path, *, tofu: bool) -> dict[str, Declaration]:
    """The root module's variables as terraform sees them: override files change what the others declare."""
    plain: dict[str, Declaration] = {}
    overriding: list[Declaration] = []
    for path in _files(module, tofu=tofu):
        stem = path.name.split(".", 1)[0]
        text = path.read_text(errors="replace")
        declarations = scan_json(text) if path.name.endswith(".json") else scan_hcl(text)
        if stem == "override" or stem.endswith("_override"):
            overriding += declarations
        else:
            plain.update((declaration.name, declaration) for declaration in declarations)
    for change in overriding:
        before = plain.get(change.name, change)
        plain[change.name] = Declaration(change.name, change.type or before.type, change.ephemeral or before.ephemeral)
    return plain


def write_variables(path: Path, values: Mapping[str, str], declared: Mapping[str, Declaration]) -> None:
    """Write the declared ones of `values` into `path`, readable by nobody else; raises StepFailed for a bad value."""
    lines = []
    for name, value in values.items():
        if name not in declared:
            continue
        if "".join(declared[name].type.split()) in _LITERAL:
            lines.append(f"{name} = {quoted(value)}\n")
        elif is_balanced(value) and value.strip():
            # In parentheses it may have several lines and end with a comment, as it may after -var.
            lines.append(f"{name} = (\n{value}\n)\n")
        else:
            raise StepFailed(
                "bad-variables",
                f"The variable {name} has the type {declared[name].type}, and its value is no complete HCL expression.",
            )
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", newline="") as out:
        out.writelines(lines)


def quoted(text: str) -> str:
    """The text as an HCL string: nothing in it is a template, an escape or a line end."""
    out = []
    for char in text.replace("${", "$${").replace("%{", "%%{"):
        if char in _ESCAPES:
            out.append(_ESCAPES[char])
        elif char < " " or char in "\x7f\x85\u2028\u2029\ufeff":
            out.append(f"\\u{ord(char):04x}")
        else:
            out.append(char)
    return '"' + "".join(out) + '"'


def _files(module: Path, *, tofu: bool) -> list[Path]:
    names = sorted(path.name for path in module.iterdir() if path.is_file() and not path.name.startswith("."))
    endings = (".tf", ".tf.json", ".tofu", ".tofu.json") if tofu else (".tf", ".tf.json")
    present = set(names)
    files = []
    for name in names:
        if not name.endswith(endings) or name.endswith("~") or (name.startswith("#") and name.endswith("#")):
            continue
        # tofu reads a.tofu instead of an a.tf beside it.
        if tofu and name.endswith((".tf", ".tf.json")) and name.replace(".tf", ".tofu") in present:
            continue
        files.append(module / name)
    return files
