"""The variables that a module declares, and what their type makes of a value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from terrakube_site.sentences import Sentence
from terrakube_site.sentences import marked as _
from terrakube_site.terraform.hcl import check_expression

from .blocks import Block
from .files import configuration_files, is_override, read_blocks

_PRIMITIVE = {"", "string", "number", "bool", '"string"'}
_ANY = "any"


@dataclass(frozen=True, slots=True)
class Declaration:
    """A variable as a module declares it. `type` is the expression's text, "" when it has none."""

    name: str
    type: str = ""
    ephemeral: bool = False
    has_default: bool = field(default=False, compare=False)
    place: str = field(default="", compare=False)


class NotAnExpression(ValueError):
    """A value that must be an expression is none; ``sentence`` quotes nothing of it."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def declared_variables(module: Path, *, tofu: bool) -> dict[str, Declaration]:
    """Return the root module's variables as terraform sees them: override files change other declarations."""
    plain: dict[str, Declaration] = {}
    overriding: list[Declaration] = []
    for path in configuration_files(module, tofu=tofu):
        declarations = declarations_in(read_blocks(path), path.name)
        if is_override(path.name):
            overriding += declarations
        else:
            plain.update((declaration.name, declaration) for declaration in declarations)
    for change in overriding:
        before = plain.get(change.name, change)
        plain[change.name] = Declaration(
            change.name,
            change.type or before.type,
            change.ephemeral or before.ephemeral,
            change.has_default or before.has_default,
            before.place,
        )
    return plain


def declarations_in(blocks: Iterable[Block], file: str = "") -> list[Declaration]:
    """Return the variables that a file declares."""
    return [
        Declaration(
            block.label,
            block.attributes.get("type", ""),
            block.attributes.get("ephemeral", "") == "true",
            "default" in block.attributes,
            f"{file}:{block.line}" if block.line else file,
        )
        for block in blocks
        if block.kind == "variable" and len(block.labels) == 1
    ]


def is_expression(declaration: Declaration, value: str, *, marked: bool) -> bool:
    """Return whether a value is an expression, not a text; ``marked`` is its mark as HCL.

    Raises NotAnExpression if it must be one and is not.
    """
    kind = "".join(declaration.type.split())
    if not marked and kind in _PRIMITIVE:
        return False
    fault = check_expression(value)
    if fault is None:
        return True
    if not marked and kind == _ANY:
        return False
    where = {"name": declaration.name, "line": fault.line, "column": fault.column, "what": fault.what}
    if marked:
        text = _(
            "The variable {name} is marked as HCL, but its value is not a valid expression at line {line}, column "
            "{column}: {what}."
        )
        raise NotAnExpression(Sentence(text, **where))
    text = _(
        "The variable {name} has the type {type}, but its value is not a valid expression at line {line}, column "
        "{column}: {what}."
    )
    raise NotAnExpression(Sentence(text, type=declaration.type, **where))
