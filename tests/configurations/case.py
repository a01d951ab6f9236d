"""What one configuration is made of: its files, the values it gets, and what is done with it, round by round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workspaces.choices import IacType

TERRAFORM, TOFU = IacType.TERRAFORM, IacType.TOFU
LIBRARY = "@LIBRARY@"
"""Stands in files for the URL of a git repository of modules; see ``library.py``."""
STATE = '{"version": 4, "serial": 1, "lineage": "x", "outputs": {"a": {"value": 1, "type": "number"}}}'
"""A state with one output, for configurations that read another state."""


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A Terraform variable, as a workspace has it.

    The bare program gets an HCL value by a .tfvars file and any other by ``-var``; ``at_terminal`` is the expression
    for its .tfvars file where ``-var`` means something else.
    """

    value: str
    hcl: bool = False
    sensitive: bool = False
    at_terminal: str | None = None

    @property
    def expression(self) -> str | None:
        return self.at_terminal or (self.value if self.hcl else None)


@dataclass(frozen=True, kw_only=True)
class Round:
    """One job of the site, one ``apply``, ``plan`` or ``destroy`` at the terminal.

    ``files`` are written before it; None removes one. ``before_init`` and ``before`` are scripts before init and before
    the command. An apply is one step, or with ``stored`` a plan step, an approval and an apply step; None: one step on
    this machine, which costs half, and three in pods.
    """

    command: str = "apply"
    files: Mapping[str, str | None] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    refresh: bool = True
    refresh_only: bool = False
    before_init: str = ""
    before: str = ""
    stored: bool | None = None


APPLY = Round()
STORED = Round(stored=True)
DIRECTLY = Round(stored=False)
DESTROY = Round(command="destroy")
PLAN = Round(command="plan")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One configuration. ``folder`` is the workspace's folder; with ``from_git`` the files are in a git repository.

    ``state`` is where the bare program keeps the state. Every test run tries the case where ``everyday``.
    """

    name: str
    files: Mapping[str, str]
    rounds: tuple[Round, ...] = (APPLY,)
    variables: Mapping[str, Variable] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""
    programs: tuple[IacType, ...] = (TERRAFORM, TOFU)
    from_git: bool = False
    state: str = "terraform.tfstate"
    everyday: bool = True


def case(name: str, main: str, *, more: Mapping[str, str] | None = None, **attributes: Any) -> Case:
    """Return the case of a main.tf, and ``more`` files."""
    return Case(name=name, files={"main.tf": main, **(more or {})}, **attributes)


def matrix_case(name: str, main: str, **attributes: Any) -> Case:
    """Return a case that only a run of the whole matrix tries, as most of those about the language alone."""
    return case(name, main, everyday=False, **attributes)
