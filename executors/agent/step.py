"""One claimed step from its source to its outcome. Knows the order of things, and nothing of HTTP or Kubernetes."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import memory
from .context import Context
from .environment import job_environment
from .errors import AttemptOver, StepFailed, Stopped
from .scripts import Scripts
from .source import GitSource, download_source, work_folder
from .terraform_step import TYPES, TerraformStep

_KILLED = 128 + 9
SCRIPT_TYPES = ("customScripts", "approval")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the step ended: succeeded, failed or cancelled. `exit_code` and `changes` are None when nothing said so."""

    outcome: str
    reason: str
    message: str
    exit_code: int | None = None
    changes: bool | None = None


def run_step(context: Context, container: Mapping[str, str]) -> Outcome:
    """Run the step; `container` is the environment that the pod came with. What goes wrong is in the outcome."""
    terraform: list[TerraformStep] = []
    try:
        _run(context, container, terraform)
    except (Stopped, StepFailed, AttemptOver) as end:
        if isinstance(end, AttemptOver):
            context.control.fence(str(end))
        code = end.exit_code if isinstance(end, StepFailed) else terraform[0].exit_code if terraform else None
        if context.control.stopping or not isinstance(end, StepFailed):
            control = context.control
            # Whoever stopped it of its own accord tells a failure; a cancel is somebody's wish.
            outcome = "cancelled" if control.code == "cancelled" else "failed"
            return Outcome(outcome=outcome, reason=control.code, message=control.reason, exit_code=code)
        if memory.was_short():
            # The kernel kills what is largest, which may be a plugin or a provisioner's command below terraform.
            what = "It was killed" if code == _KILLED else f"{end.message.rstrip('.')}: a process of it was killed"
            message = f"{what}, since {memory.killed_in_words()}."
            return Outcome(outcome="failed", reason="oom-killed", message=message, exit_code=code)
        return Outcome(outcome="failed", reason=end.reason, message=end.message, exit_code=code)
    except Exception as error:  # a defect of ours must still be reported
        context.say(traceback.format_exc())
        return Outcome(
            outcome="failed", reason="internal", message=f"The executor itself failed: {type(error).__name__}."
        )
    if not terraform:
        return Outcome(outcome="succeeded", reason="done", message="The scripts are done.", exit_code=0)
    done = terraform[0]
    return Outcome(
        outcome="succeeded",
        reason="error-ignored" if done.ignored else "done",
        message=done.ignored or _sentence(context.job.type, done.changes),
        exit_code=done.exit_code,
        changes=done.changes,
    )


def _run(context: Context, container: Mapping[str, str], terraform: list[TerraformStep]) -> None:
    job = context.job
    context.banner(f"{job.type} of job {job.job_id}")
    if job.type not in (*TYPES, *SCRIPT_TYPES):
        raise StepFailed("bad-step-type", f"This executor knows no step type {job.type!r}.")
    environment = job_environment(container, job.environment_variables, say=context.say)
    folder = _source(context, environment)
    scripts = Scripts(context, folder, environment, container)
    try:
        if job.type in TYPES:
            terraform.append(TerraformStep(context, folder, environment, scripts))
            terraform[0].run()
        elif job.command_list:
            context.heartbeat.phase("script")
            context.banner("Scripts")
            scripts.run(job.command_list)
    except StepFailed as failure:
        if job.on_failure_list and not context.control.stopping:
            context.heartbeat.phase("script")
            context.banner(f"Scripts for the failure: {failure.message}")
            try:
                scripts.run(job.on_failure_list)
            except StepFailed as second:
                context.say(f"A script for the failure failed too: {second.message}")
        raise


def _source(context: Context, environment: Mapping[str, str]) -> Path:
    job = context.job
    context.heartbeat.phase("source")
    target = context.work / "source"
    target.mkdir()
    if context.claim.upload or job.branch == "remote-content":
        download_source(context, target)
        context.banner("Source: the uploaded archive")
    else:
        commit = GitSource(context, target, environment).fetch()
        context.heartbeat.commit(commit)
        context.banner(f"Source: {job.source} {job.branch}, commit {commit}")
    return work_folder(target, job.folder)


def _sentence(kind: str, changes: bool | None) -> str:
    if changes is not None:
        return "The plan has changes." if changes else "The plan has no changes."
    return "Everything is destroyed." if kind == "terraformDestroy" else "The changes are applied."
