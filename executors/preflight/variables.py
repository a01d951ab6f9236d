"""Check the variables of a workspace, alone and against what its configuration declares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from django.core.exceptions import ValidationError

from executors.preflight.configuration import tool_of
from executors.preflight.findings import Finding, finding
from executors.preflight.here import Here
from executors.preflight.pods import STEP_TYPES
from executors.preflight.source import Source
from executors.preflight.subject import Subject
from terrakube_site.terraform.configuration.blocks import hcl_attributes, json_attributes
from terrakube_site.terraform.configuration.variables import NotAnExpression, declared_variables, is_expression
from terrakube_site.terraform.state_arguments import ARGUMENTS
from workspaces.choices import Category
from workspaces.models.variable import AbstractVariable, check_key, check_state_stays, check_value
from workspaces.validation.secrecy import without_secrets
from workspaces.variables.in_force import WORKSPACE
from workspaces.variables.notices import DYNAMIC_CREDENTIALS

_IN_ENVIRONMENT = "TF_VAR_"
_FILES = ("TF_CLI_CONFIG_FILE",)


def check_variables(subject: Subject, here: Here) -> Iterator[Finding]:
    """Check each variable of a workspace by the rules of a save, and what is in force by the policies."""
    for variable in subject.variables:
        yield from _variable(variable, has_value=variable.pk not in subject.untold)
    for name, value in (*subject.inputs.environment.items(), *subject.inputs.terraform.items()):
        if value.lost and value.origin != WORKSPACE:
            yield finding("value-lost", name)
    for name, value in subject.inputs.environment.items():
        if name.startswith(DYNAMIC_CREDENTIALS):
            yield finding("dynamic-credentials", name, key=name)
        if name in _FILES and value.text and not value.sensitive and not here.may_have_file(value.text):
            yield finding("file-missing", name, path=value.text)
    for step_type in STEP_TYPES:
        for refusal in subject.inputs.for_step(step_type).refusals:
            yield finding("policy-refused", refusal.setting, why=refusal.message)


def _variable(variable: AbstractVariable, *, has_value: bool) -> Iterator[Finding]:
    key, category, value = variable.key, variable.category, variable.text_if_readable
    if variable.lost:
        yield finding("value-lost", key)
        return
    if not has_value:
        yield finding("value-untold", key)
        return
    if variable.sensitive and not value.strip():
        yield finding("value-missing", key)
        return
    sensitive = variable.sensitive
    checks: tuple[tuple[str, Callable[[], None]], ...] = (
        ("input-refused", lambda: check_key(key, category)),
        ("value-refused", lambda: check_value(key, value, category, hcl=variable.hcl, sensitive=sensitive)),
        ("moves-state", lambda: check_state_stays(key, value, category)),
    )
    for code, check in checks:
        try:
            check()
        except ValidationError as error:
            shown = without_secrets(error, key, value) if sensitive else error
            yield finding(code, key, why=" ".join(shown.messages))


def check_declared(subject: Subject, source: Source) -> Iterator[Finding]:
    """Compare the Terraform variables in force with what the configuration declares."""
    assert source.folder is not None  # noqa: S101 - only called with one
    declared = declared_variables(source.folder, tofu=tool_of(subject.workspace) == "tofu")
    given = subject.inputs.terraform
    for name, value in given.items():
        if name not in declared:
            # Variables of an organization or a collection are for many configurations.
            if value.origin == WORKSPACE:
                yield finding("undeclared-variable", name)
            continue
        if value.lost or (value.sensitive and not value.text):
            # It is not known, or told already.
            continue
        try:
            is_expression(declared[name], value.text, marked=value.hcl)
        except NotAnExpression as error:
            yield finding("value-refused", name, why=str(error))
    environment = subject.inputs.texts(Category.ENV)
    for name in environment:
        plain = name.removeprefix(_IN_ENVIRONMENT)
        own = subject.inputs.environment[name].origin == WORKSPACE
        if plain != name and plain not in declared and own:
            yield finding("undeclared-variable", name)
    if any(name.startswith(ARGUMENTS) and "-var" in text for name, text in environment.items()):
        return
    known = {*given, *(name.removeprefix(_IN_ENVIRONMENT) for name in environment), *_in_files(source.folder)}
    for name, declaration in declared.items():
        if not declaration.has_default and name not in known:
            yield finding("missing-variable", source.place(declaration.place), name=name)


def _in_files(folder: Path) -> Iterator[str]:
    """Return the variables that files beside the configuration give."""
    for path in folder.iterdir():
        name = path.name.removesuffix(".json")
        if path.is_file() and (name == "terraform.tfvars" or name.endswith(".auto.tfvars")):
            text = path.read_text(errors="replace")
            found: Mapping[str, str] = json_attributes(text) if name != path.name else hcl_attributes(text)
            yield from found
