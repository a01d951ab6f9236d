"""From a workflow of Atlantis to the flow of a template and to variables. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from vcs.atlantis.config import Step

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Variables that only Atlantis gives its commands.
_OF_ATLANTIS = re.compile(
    r"\$\{?(PLANFILE|SHOWFILE|POLICYCHECKFILE|WORKSPACE|DIR|PROJECT_NAME|REPO_REL_DIR|HEAD_\w+|BASE_\w+|PULL_\w+"
    r"|USER_NAME|COMMENT_ARGS|ATLANTIS_\w+)\b"
)
_WRAPPER = re.compile(r"\b(terragrunt|terraform|tofu|cdktf)\b[^\n|;&]*\b(init|plan|apply)\b")


@dataclass(kw_only=True)
class WorkflowPlan:
    """What a workflow becomes. ``flow`` is a template's YAML, empty where the usual template does the same.

    ``variables`` are environment variables of each workspace that follows it.
    """

    template: str
    flow: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def converted_workflow(name: str, stages: Mapping[str, tuple[Step, ...]]) -> WorkflowPlan:
    """Return what a workflow becomes: its scripts as commands around plan and apply, its arguments as variables."""
    plan = WorkflowPlan(template=f"Atlantis {name}"[:64])
    for stage in stages.keys() - {"plan", "apply"}:
        plan.notes.append(f"The stage {stage} is not carried over.")
    commands = {stage: _commands(plan, stage, stages.get(stage, ())) for stage in ("plan", "apply")}
    if any(commands.values()):
        flow = [
            _flow_step("terraformPlan", "Plan", 100, commands["plan"]),
            {"type": "approval", "name": "Approval", "step": 150},
            _flow_step("terraformApply", "Apply", 200, commands["apply"]),
        ]
        plan.flow = yaml.safe_dump({"flow": flow}, sort_keys=False, allow_unicode=True, width=1000)
    return plan


def _flow_step(kind: str, name: str, number: int, commands: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": kind, "name": name, "step": number, **({"commands": commands} if commands else {})}


def _commands(plan: WorkflowPlan, stage: str, steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Return the commands of a stage; steps before its own (plan, apply) run before it, the others after it."""
    found: list[dict[str, Any]] = []
    own = [at for at, step in enumerate(steps) if step.kind == stage]
    if steps and not own:
        plan.notes.append(f"The stage {stage} does not run {stage} itself; here it always does.")
    for at, step in enumerate(steps):
        if step.kind == "run":
            after = bool(own) and at > own[0]
            before_init = any(later.kind == "init" for later in steps[at + 1 :])
            if command := _script(plan, stage, step, priority=len(found) + 1, after=after, before_init=before_init):
                found.append(command)
        elif step.kind == "env":
            _environment(plan, step)
        elif step.kind == "multienv":
            plan.notes.append(f"multienv {step.command!r}: variables are not made by a command; add them yourself.")
        else:
            _arguments(plan, step)
    return found


def _script(
    plan: WorkflowPlan, stage: str, step: Step, *, priority: int, after: bool, before_init: bool
) -> dict[str, Any] | None:
    if _WRAPPER.search(step.command):
        plan.notes.append(f"run {step.command.strip()!r}: it runs terraform itself, which the stage {stage} does here.")
        return None
    if used := sorted({match[1] for match in _OF_ATLANTIS.finditer(step.command)}):
        plan.notes.append(f"run {step.command.strip()!r}: there is no {', '.join(used)} here; change the script.")
    when = {"after": True} if after else {"before": True}
    if before_init and not after:
        when = {"beforeInit": True}
    return {"runtime": "BASH", "priority": priority, **when, "script": step.command}


def _environment(plan: WorkflowPlan, step: Step) -> None:
    if step.value is None:
        plan.notes.append(f"env {step.name}: its value is made by a command; set the variable yourself.")
    elif not _VARIABLE.fullmatch(step.name):
        plan.notes.append(f"env {step.name!r}: this is no name of an environment variable.")
    else:
        plan.variables[step.name] = step.value


def _arguments(plan: WorkflowPlan, step: Step) -> None:
    """Carry extra arguments over as TF_CLI_ARGS_plan; those of other commands cannot be, or need not."""
    kept = []
    arguments = list(step.arguments)
    while arguments:
        one = arguments.pop(0)
        name, _, value = one.lstrip("-").partition("=")
        if not value and arguments and not arguments[0].startswith("-"):
            value = arguments.pop(0)
        if name in {"lock", "lock-timeout", "input", "no-color", "refresh"}:
            plan.notes.append(f"{step.kind} -{name}: the site sets this itself.")
        elif step.kind == "init":
            plan.notes.append(f"init -{name}: the state is kept here, so init takes no such argument.")
        elif step.kind == "apply":
            # A saved plan holds its variables.
            if name not in {"var", "var-file"}:
                plan.notes.append(f"apply -{name}: an apply takes the plan as it is.")
        elif step.kind == "plan" and name in {"var", "var-file", "parallelism", "compact-warnings"}:
            kept.append(f"-{name}={value}" if value else f"-{name}")
        else:
            plan.notes.append(f"{step.kind} -{name}: it is not carried over.")
    if kept:
        plan.variables["TF_CLI_ARGS_plan"] = shlex.join(kept)
