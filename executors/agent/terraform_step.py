"""The steps that run terraform: init, one command, and what is kept of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from executors.job_data import MAX_ENVIRONMENT_STRING_BYTES, Command

from .api import Body, retrying
from .backend import StateBackend
from .commands import Terraform
from .context import Context
from .errors import ApiRefused, ApiUnavailable, AttemptOver, StepFailed, Stopped
from .scripts import Scripts
from .tools import find_tool

PLANS = ("terraformPlan", "terraformPlanDestroy")
TYPES = (*PLANS, "terraformApply", "terraformDestroy")
_LAST_UPLOAD_SECONDS = 10.0
_KILLED = 128 + 9


class TerraformStep:
    """Plan, apply or destroy in `folder`.

    Afterwards `exit_code` is that of terraform's last command, `changes` says whether a plan has any (None when it
    was no plan), and `ignored` is the error that the step's flow says to ignore.
    """

    def __init__(self, context: Context, folder: Path, environment: dict[str, str], scripts: Scripts) -> None:
        self._context = context
        self._job = context.job
        self._folder = folder
        self._environment = environment
        self._scripts = scripts
        self._terraform: Terraform
        self.changes: bool | None = None
        self.ignored: str | None = None
        self.exit_code: int | None = None

    def run(self) -> None:
        """Run it all; raises StepFailed or Stopped."""
        context, job = self._context, self._job
        context.heartbeat.phase("tools")
        name = "tofu" if job.tofu else "terraform"
        tool = find_tool(context, name, self._environment)
        context.banner(f"Tool: {name} {tool.version}, from {tool.origin}")
        self._scripts.tool_folder = tool.path.parent
        backend = StateBackend(context, self._folder)
        self._terraform = Terraform(
            context, tool, self._folder, environment=self._environment, backend=backend.environment()
        )
        try:
            self._run_commands()
        finally:
            self.exit_code = self._terraform.exit_code
            self._keep_state(backend)

    def _run_commands(self) -> None:
        self._run_scripts("before init", lambda command: command.before_init)
        if self._job.type == "terraformApply" and self._context.claim.has_plan:
            self._fetch_plan()
        self._init()
        self._run_scripts("before", lambda command: command.before and not command.before_init)
        if self._job.type in PLANS:
            self._plan()
        else:
            self._change()
        self._run_scripts("after", lambda command: command.after)

    def _init(self) -> None:
        self._context.heartbeat.phase("init")
        self._context.banner("Init")
        undeclared = self._terraform.undeclared()
        if undeclared:
            self._context.say(f"Not passed, since the module declares no such variable: {', '.join(undeclared)}.")
        code = self._terraform.init(quietly=not self._job.show_header)
        if code:
            raise self._failed("init-failed", "init", code)

    def _plan(self) -> None:
        self._begin("plan", "Plan")
        code = self._terraform.plan(
            destroy=self._job.type == "terraformPlanDestroy", lock=not self._context.claim.plan_only
        )
        if code not in (0, 2):
            self._fail_or_ignore("plan", code)
            return
        self.changes = code == 2
        self._context.heartbeat.phase("show")
        shown = self._context.private / "plan.json"
        have_json = self._terraform.show_json(shown, plan=True)
        self._context.heartbeat.phase("upload")
        self._upload("/plan-file", self._terraform.plan_file)
        if self._terraform.lock_file.is_file():
            self._upload("/plan-lock-file", self._terraform.lock_file)
        if have_json:
            self._upload("/plan-json", shown)
        shown.unlink(missing_ok=True)

    def _change(self) -> None:
        terraform = self._terraform
        try:
            if self._job.type == "terraformDestroy":
                self._begin("destroy", "Destroy")
                code = terraform.destroy()
            elif self._context.claim.has_plan:
                self._begin("apply", "Apply of the stored plan")
                code = terraform.apply_plan()
            else:
                self._begin("apply", "Apply")
                code = terraform.apply()
        except Stopped:
            self._upload_state_json()
            raise
        self._upload_state_json()
        if code:
            if self._job.type == "terraformDestroy":
                raise self._failed("terraform-failed", "destroy", code)
            self._fail_or_ignore("apply", code)
        if any(command.after for command in self._job.command_list or ()):
            output = self._context.private / "output.json"
            if terraform.output_json(output) and output.stat().st_size < MAX_ENVIRONMENT_STRING_BYTES:
                self._scripts.terraform_output = output.read_text(errors="replace")
            output.unlink(missing_ok=True)

    def _upload_state_json(self) -> None:
        """The state as JSON, also after a failed or interrupted command: what there is now is what counts."""
        control = self._context.control
        if control.killed or control.fenced:
            return
        self._context.heartbeat.phase("show")
        shown = self._context.private / "state.json"
        if self._terraform.show_json(shown, plan=False, cleanup=True):
            self._context.heartbeat.phase("upload")
            try:
                self._upload("/state-json", shown)
            except StepFailed as failure:
                # The state itself is delivered; this is a view of it.
                self._context.say(failure.message)
        shown.unlink(missing_ok=True)

    def _fetch_plan(self) -> None:
        """Put the plan and the providers that it was made with in place, before init chooses others."""
        for path, target in (("/plan-file", self._terraform.plan_file), ("/plan-lock-file", self._terraform.lock_file)):
            answer = self._call("GET", path, into=target, accept=frozenset({404}))
            if answer == 404 and target == self._terraform.plan_file:
                raise StepFailed("plan-missing", "The stored plan of this job is gone, so there is nothing to apply.")

    def _upload(self, path: str, content: Path) -> None:
        self._call("PUT", path, content)

    def _call(
        self,
        method: str,
        path: str,
        body: Body = None,
        *,
        into: Path | None = None,
        accept: frozenset[int] = frozenset(),
    ) -> int:
        context = self._context
        stopping = context.control.stopping
        try:
            return retrying(
                lambda: context.api.call(method, path, body, into=into, accept=accept),
                seconds=_LAST_UPLOAD_SECONDS if stopping else context.api.left(context.claim.outage_seconds),
                pause=time.sleep if stopping else context.control.pause,
            ).status
        except (ApiUnavailable, ApiRefused) as error:
            what = path.strip("/")
            raise StepFailed("upload-failed", f"The {what} could not be exchanged with the API: {error}") from None
        except AttemptOver as over:
            context.control.fence(str(over))
            raise Stopped from None

    def _keep_state(self, backend: StateBackend) -> None:
        context = self._context
        if not context.control.fenced:
            backend.finish(context.claim.outage_seconds)
        if backend.undelivered is None:
            return
        kept = context.work / "terraform.tfstate.undelivered"
        backend.undelivered.replace(kept)
        context.undelivered_state = kept
        context.loudly(f"THE LAST STATE WAS NOT DELIVERED. It is in {kept} for as long as the container's files exist.")

    def _run_scripts(self, moment: str, select: Callable[[Command], bool]) -> None:
        commands = [command for command in self._job.command_list or () if select(command)]
        if commands:
            self._begin("script", f"Scripts {moment}")
            self._scripts.run(commands)

    def _begin(self, phase: str, title: str) -> None:
        self._context.heartbeat.phase(phase)
        self._context.banner(title)

    def _fail_or_ignore(self, command: str, code: int) -> None:
        failure = self._failed("terraform-failed", command, code)
        if not self._job.ignore_error:
            raise failure
        self.ignored = f"The error of {command} is ignored, as the template says: {failure.message}"
        self._context.say(self.ignored)

    def _failed(self, reason: str, command: str, code: int) -> StepFailed:
        message = self._terraform.first_error.text or f"{command} ended with exit code {code}."
        if code == _KILLED:
            message = f"{command} was killed from outside, most often because the memory of the container was used up."
        return StepFailed(reason, message, exit_code=code)
