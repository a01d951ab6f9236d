"""The configurations, by kind."""

from tests.configurations.case import Case
from tests.configurations.kinds import (
    arguments,
    checks,
    ephemeral,
    files,
    functions,
    lifecycle,
    modules,
    outputs,
    providers,
    refactoring,
    repetition,
    scope,
    scripts,
    state,
    tofu,
    variables,
)

CASES: tuple[Case, ...] = (
    *modules.CASES,
    *variables.CASES,
    *outputs.CASES,
    *ephemeral.CASES,
    *repetition.CASES,
    *functions.CASES,
    *lifecycle.CASES,
    *checks.CASES,
    *refactoring.CASES,
    *files.CASES,
    *providers.CASES,
    *state.CASES,
    *scope.CASES,
    *scripts.CASES,
    *arguments.CASES,
    *tofu.CASES,
)
