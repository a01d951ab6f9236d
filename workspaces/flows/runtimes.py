"""Which runtimes of scripts the installation's executor has, and the check of a flow against them when it is saved."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from .flow import Command, FlowStep
from .parser import FlowError, parse

GROOVY = "GROOVY"


def _has_groovy() -> bool:
    """Whether the executor runs Groovy scripts; `provide_groovy` puts the installation's answer here."""
    return True


def provide_groovy(has_groovy: Callable[[], bool]) -> None:
    """Tell how to find out whether the installation's executor runs Groovy scripts; until then it does."""
    global _has_groovy
    _has_groovy = has_groovy


def check_flow(text: str) -> None:
    """Refuse a flow that is not valid, or whose scripts the executor cannot run. Raises ValidationError."""
    try:
        flow = parse(text)
    except FlowError as error:
        raise ValidationError(str(error)) from error
    step = next((step for step in flow if any(command.runtime == GROOVY for command in _commands(step))), None)
    if step is not None and not _has_groovy():
        raise ValidationError(
            _(
                "Step %(number)s: only Terrakube's executor image runs GROOVY scripts, and this site uses its own. "
                'Write "runtime: BASH" and a script for bash.'
            ),
            params={"number": step.step},
        )


def _commands(step: FlowStep) -> Iterable[Command]:
    for commands in (step.commands, step.on_failure, step.on_reject):
        yield from commands or ()
