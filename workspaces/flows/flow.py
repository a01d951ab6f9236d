"""Data classes of a flow, and their JSON form, in which a step stores the flow it was created from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from workspaces.choices import PLAN_TYPES


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One script of a step; commands run in ascending order of `priority`."""

    runtime: str
    script: str
    priority: int = 0
    before: bool = False
    after: bool = False
    before_init: bool = False
    verbose: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportCommands:
    """A repository whose file commands.yaml in `folder` replaces the step's own commands.

    `branch` None is the repository's default; `inputs_env` and `inputs_terraform` None pass everything.
    """

    repository: str
    branch: str | None = None
    folder: str = "/"
    vcs_id: str | None = None
    inputs_env: Mapping[str, str] | None = None
    inputs_terraform: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledTemplate:
    """The name of a template and its schedule, a Quartz expression with seconds."""

    name: str
    schedule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowStep:
    """One entry of a flow; None is a missing key in the YAML, an empty tuple or mapping an empty list or mapping.

    `step` is its number. `inputs_env` and `inputs_terraform` map a key to $NAME of an organization's variable. `team`
    None lets all who may approve the job approve. `templates` are those of scheduleTemplates.
    """

    type: str
    step: int
    name: str
    ignore_error: bool = False
    commands: tuple[Command, ...] | None = None
    on_failure: tuple[Command, ...] | None = None
    on_reject: tuple[Command, ...] | None = None
    inputs_env: Mapping[str, str] | None = None
    inputs_terraform: Mapping[str, str] | None = None
    import_commands: ImportCommands | None = None
    team: str | None = None
    templates: tuple[ScheduledTemplate, ...] | None = None


def is_plan_only(flow: Iterable[FlowStep]) -> bool:
    """Return whether a flow only plans, so that its job need not hold the workspace."""
    return all(step.type in PLAN_TYPES for step in flow)


def as_yaml(flow: Iterable[FlowStep]) -> str:
    """Return a flow as the YAML that ``parse`` reads to the same steps."""
    steps = [{key: value for key, value in to_json(step).items() if value is not None} for step in flow]
    text: str = yaml.safe_dump({"flow": steps}, sort_keys=False, allow_unicode=True)
    return text


def to_json(step: FlowStep) -> dict[str, Any]:
    """Return a step as plain lists and dicts with the keys of the YAML."""
    imported = step.import_commands
    return {
        "type": step.type,
        "step": step.step,
        "name": step.name,
        "ignoreError": step.ignore_error,
        "commands": _commands_to_json(step.commands),
        "onFailure": _commands_to_json(step.on_failure),
        "onReject": _commands_to_json(step.on_reject),
        "inputsEnv": _copy(step.inputs_env),
        "inputsTerraform": _copy(step.inputs_terraform),
        "importCommands": None
        if imported is None
        else {
            "repository": imported.repository,
            "branch": imported.branch,
            "folder": imported.folder,
            "vcsId": imported.vcs_id,
            "inputsEnv": _copy(imported.inputs_env),
            "inputsTerraform": _copy(imported.inputs_terraform),
        },
        "team": step.team,
        "templates": None
        if step.templates is None
        else [{"name": template.name, "schedule": template.schedule} for template in step.templates],
    }


def from_json(data: Mapping[str, Any]) -> FlowStep:
    """Return the step that `to_json` was given; raises KeyError or TypeError for other data."""
    imported, templates = data["importCommands"], data["templates"]
    return FlowStep(
        type=data["type"],
        step=data["step"],
        name=data["name"],
        ignore_error=data["ignoreError"],
        commands=_commands_from_json(data["commands"]),
        on_failure=_commands_from_json(data["onFailure"]),
        on_reject=_commands_from_json(data["onReject"]),
        inputs_env=_copy(data["inputsEnv"]),
        inputs_terraform=_copy(data["inputsTerraform"]),
        import_commands=None
        if imported is None
        else ImportCommands(
            repository=imported["repository"],
            branch=imported["branch"],
            folder=imported["folder"],
            vcs_id=imported["vcsId"],
            inputs_env=_copy(imported["inputsEnv"]),
            inputs_terraform=_copy(imported["inputsTerraform"]),
        ),
        team=data["team"],
        templates=None if templates is None else tuple(ScheduledTemplate(**template) for template in templates),
    )


def _commands_to_json(commands: Iterable[Command] | None) -> list[dict[str, Any]] | None:
    if commands is None:
        return None
    return [
        {
            "runtime": command.runtime,
            "script": command.script,
            "priority": command.priority,
            "before": command.before,
            "after": command.after,
            "beforeInit": command.before_init,
            "verbose": command.verbose,
        }
        for command in commands
    ]


def _commands_from_json(commands: Iterable[Mapping[str, Any]] | None) -> tuple[Command, ...] | None:
    if commands is None:
        return None
    return tuple(
        Command(
            runtime=command["runtime"],
            script=command["script"],
            priority=command["priority"],
            before=command["before"],
            after=command["after"],
            before_init=command["beforeInit"],
            verbose=command["verbose"],
        )
        for command in commands
    )


def _copy(mapping: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if mapping is None else dict(mapping)
