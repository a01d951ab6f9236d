"""Run one claimed step from its source to its outcome. Knows the order of things, but neither HTTP nor Kubernetes."""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from executors.contract.work_folder import FOLDER_VARIABLE, Unusable, WorkFolder
from terrakube_site.sentences import Sentence
from terrakube_site.sentences import marked as _

from . import memory
from .context import Context
from .environment import add_host_tokens, job_environment
from .errors import AttemptOver, StepFailed, Stopped
from .scripts import Scripts
from .source.checkout import GitSource, download_source, work_folder
from .terraform.step import TYPES, TerraformStep
from .tools.selection import Tool, find_tool

_KILLED = 128 + 9
#: Tries to lock the folder before the step reports that it waits: a step that just ended frees it soon.
_QUIET_LOOKS = 5
SCRIPT_TYPES = ("customScripts", "approval")
_TOOL = re.compile(r"\b(terraform|tofu)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Outcome of the step: succeeded, failed or cancelled. `exit_code` and `changes` are None if unknown."""

    outcome: str
    reason: str
    message: str
    exit_code: int | None = None
    changes: bool | None = None


def run_step(context: Context, container: Mapping[str, str]) -> Outcome:
    """Run the step; `container` is the pod's own environment. Failures are in the outcome, not raised."""
    terraform: list[TerraformStep] = []
    try:
        _run(context, container, terraform)
    except (Stopped, StepFailed, AttemptOver) as end:
        if isinstance(end, AttemptOver):
            context.control.fence(str(end))
        code = end.exit_code if isinstance(end, StepFailed) else terraform[0].exit_code if terraform else None
        if context.control.stopping or not isinstance(end, StepFailed):
            control = context.control
            # A stop that the executor decided itself is a failure; a cancel is a request.
            outcome = "cancelled" if control.code == "cancelled" else "failed"
            return Outcome(outcome=outcome, reason=control.code, message=control.reason, exit_code=code)
        if memory.was_short():
            # The kernel kills the largest process, which may be a plugin or a provisioner's command below terraform.
            what = "It was killed" if code == _KILLED else f"{end.message.rstrip('.')}: a process of it was killed"
            message = f"{what}, since {memory.killed_in_words()}."
            return Outcome(outcome="failed", reason="oom-killed", message=message, exit_code=code)
        return Outcome(outcome="failed", reason=end.reason, message=end.message, exit_code=code)
    except Exception as error:  # our own bugs must be reported too
        context.say(traceback.format_exc())
        return Outcome(
            outcome="failed",
            reason="internal",
            message=Sentence(_("The executor itself failed: {error}."), error=type(error).__name__),
        )
    if not terraform:
        return Outcome(outcome="succeeded", reason="done", message=Sentence(_("The scripts are done.")), exit_code=0)
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
        raise StepFailed("bad-step-type", _("This executor does not know the step type {type}."), type=repr(job.type))
    environment = job_environment(container, job.environment_variables)
    add_host_tokens(environment, context.claim.host_tokens)
    _enter_folder(context)
    if container.get(FOLDER_VARIABLE) and "HOME" not in job.environment_variables:
        # A plan may contain this path as well: `pathexpand("~/x")`.
        context.folder.home.mkdir(mode=0o700)
        environment["HOME"] = str(context.folder.home)
    folder = _source(context, environment)
    scripts = Scripts(context, folder, environment, container)
    try:
        if job.type in TYPES:
            terraform.append(TerraformStep(context, folder, environment, scripts))
            terraform[0].run()
        elif job.command_list:
            context.heartbeat.phase("script")
            context.banner("Scripts")
            scripts.tool = _tool_of_scripts(context, environment)
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


def _tool_of_scripts(context: Context, environment: Mapping[str, str]) -> Tool | None:
    """Return terraform or tofu for scripts that name it."""
    if not any(_TOOL.search(command.script) for command in context.job.command_list or ()):
        return None
    try:
        return find_tool(context, "tofu" if context.job.tofu else "terraform", environment)
    except StepFailed as failure:
        # The word may mean something else, so the script decides.
        context.say(failure.message)
        return None


def _source(context: Context, environment: Mapping[str, str]) -> Path:
    job = context.job
    context.heartbeat.phase("source")
    target = context.folder.source
    target.mkdir()
    if context.claim.upload or job.branch == "remote-content":
        download_source(context, target)
        context.banner("Source: the uploaded archive")
    else:
        commit = GitSource(context, target, environment).fetch()
        context.heartbeat.commit(commit)
        context.banner(f"Source: {job.source} {job.branch}, commit {commit}")
    return work_folder(target, job.folder)


def _enter_folder(context: Context) -> None:
    """Lock the folder of the workspace, waiting while another step works there."""
    looks = 0

    def wait(holder: str, seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == _QUIET_LOOKS:
            context.heartbeat.phase("folder")
            context.loudly(f"Waits for the work folder, where another step of the workspace works: {holder}.")
        context.control.pause(seconds)

    job = context.job
    try:
        context.folder.enter(f"{job.type} of job {job.job_id}", wait=wait)
    except Unusable as error:
        context.say(f"This step works in a folder of its own, whose path is another one: {error}.")
        context.folder = WorkFolder(context.work / "workspace")
        context.folder.path.mkdir()


def _sentence(kind: str, changes: bool | None) -> str:
    if changes is not None:
        return Sentence(_("The plan has changes.")) if changes else Sentence(_("The plan has no changes."))
    return (
        Sentence(_("Everything is destroyed."))
        if kind == "terraformDestroy"
        else Sentence(_("The changes are applied."))
    )
