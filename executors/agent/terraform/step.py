"""Steps that run terraform: init, one command, and the files to store."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from executors.agent.api import Body, retrying
from executors.agent.context import Context
from executors.agent.environment import drop_unusable_paths
from executors.agent.errors import ApiRefused, ApiUnavailable, AttemptOver, StepFailed, Stopped
from executors.agent.plan_files.packing import PlanFiles
from executors.agent.scripts import TEMP_ENVIRONMENT_FILE, Scripts
from executors.agent.state.backend import ERRORED_STATE_FILE, StateBackend
from executors.agent.state.backend_guard import BackendGuard, our_overrides
from executors.agent.state.undelivered import settle
from executors.agent.tools.selection import find_tool
from executors.contract.job_data import MAX_ENVIRONMENT_STRING_BYTES, Command
from terrakube_site.sentences import marked as _

from .commands import PLAN_FILE, Terraform
from .init_output import LOCK_FILE
from .scope_check import ScopeCheck

PLANS = ("terraformPlan", "terraformPlanDestroy")
TYPES = (*PLANS, "terraformApply", "terraformDestroy")
_OUR_FILES = (PLAN_FILE, LOCK_FILE, TEMP_ENVIRONMENT_FILE, ERRORED_STATE_FILE)
_LAST_UPLOAD_SECONDS = 10.0
_KILLED = 128 + 9


class TerraformStep:
    """Runs plan, apply or destroy in `folder`.

    Afterwards `exit_code` is that of terraform's last command, `changes` says whether a plan has any (None if there
    was no plan), and `ignored` is the error that the step's flow ignores.
    """

    def __init__(self, context: Context, folder: Path, environment: dict[str, str], scripts: Scripts) -> None:
        self._context = context
        self._job = context.job
        self._folder = folder
        self._environment = environment
        self._scripts = scripts
        self._plan_files = PlanFiles(
            context, folder, environment, self._call, ours=lambda: (*_OUR_FILES, *our_overrides(folder))
        )
        self._terraform: Terraform
        self._scope: ScopeCheck
        self.changes: bool | None = None
        self.ignored: str | None = None
        self.exit_code: int | None = None

    def run(self) -> None:
        """Run the step; raises StepFailed or Stopped."""
        context, job = self._context, self._job
        if job.type in PLANS and not context.claim.plan_only:
            self._plan_files.watch()
        context.heartbeat.phase("tools")
        name = "tofu" if job.tofu else "terraform"
        tool = find_tool(context, name, self._environment)
        context.banner(f"Tool: {name} {tool.version}, from {tool.origin}")
        self._scripts.tool = tool
        backend = StateBackend(context, self._folder)
        guard = BackendGuard(self._folder, asked=lambda: backend.reads, say=context.say)
        self._terraform = Terraform(
            context, tool, self._folder, environment=self._environment, backend=backend.environment(), guard=guard
        )
        self._scope = ScopeCheck(context, self._terraform)
        try:
            self._run_commands()
        finally:
            self.exit_code = self._terraform.exit_code
            self._keep_state(backend, guard.local_state)

    def _run_commands(self) -> None:
        self._run_scripts("before init", lambda command: command.before_init)
        if self._job.type == "terraformApply" and self._context.claim.has_plan:
            self._fetch_plan()
        self._init()
        self._plan_files.restore_modules()
        self._plan_files.watch_modules()
        self._run_scripts("before", lambda command: command.before and not command.before_init)
        if self._job.type in PLANS:
            self._plan()
        else:
            self._change()
        self._run_scripts("after", lambda command: command.after)
        if self.changes:
            # A plan without changes ends its job: no apply will use the files.
            self._plan_files.keep()

    def _init(self) -> None:
        self._context.heartbeat.phase("init")
        self._context.banner("Init")
        drop_unusable_paths(self._environment, self._folder, say=self._context.say)
        # A stored plan holds the values it was made with.
        undeclared = [] if self._context.claim.has_plan else self._terraform.undeclared_variables()
        if undeclared:
            self._context.heartbeat.set_undeclared(undeclared)
            self._context.say(f"Not passed, since the module declares no such variable: {', '.join(undeclared)}.")
        code = self._terraform.init(quietly=not self._job.show_header)
        if code:
            raise self._failure("init-failed", "init", code, cure=self._terraform.init_cure)

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
        have_json = self._terraform.show_json(shown, plan=self._terraform.plan_file)
        self._context.heartbeat.phase("upload")
        self._plan_files.note_plan(self._terraform.plan_file)
        self._upload("/plan-file", self._terraform.plan_file)
        if self._terraform.lock_file.is_file():
            self._upload("/plan-lock-file", self._terraform.lock_file)
        if have_json:
            self._upload("/plan-json", shown)
        self._scope.check_plan(self._terraform.plan_file, shown if have_json else None)
        shown.unlink(missing_ok=True)

    def _change(self) -> None:
        terraform = self._terraform
        command = "destroy" if self._job.type == "terraformDestroy" else "apply"
        stored = self._context.claim.has_plan and command == "apply"
        self._begin(command, "Apply of the stored plan" if stored else command.capitalize())
        try:
            code = self._apply_stored_plan() if stored else self._plan_and_apply(command)
        except Stopped:
            self._upload_state_json()
            raise
        self._upload_state_json()
        if code:
            if command == "destroy":
                raise self._failure("terraform-failed", command, code)
            self._fail_or_ignore(command, code)
        if any(command.after for command in self._job.command_list or ()):
            output = self._context.private / "output.json"
            if terraform.output_json(output) and output.stat().st_size < MAX_ENVIRONMENT_STRING_BYTES:
                self._scripts.terraform_output = output.read_text(errors="replace")
            output.unlink(missing_ok=True)

    def _apply_stored_plan(self) -> int:
        plan = self._scope.check_before_apply(self._terraform.plan_file)
        return self._terraform.apply_plan(plan)

    def _plan_and_apply(self, command: str) -> int:
        """Run an apply or destroy without a stored plan as a plan, a check and an apply."""
        plan = self._context.private / "made.tfplan"
        code = self._terraform.plan_of(command, plan)
        if code:
            return code
        return self._terraform.apply_plan(self._scope.check_before_apply(plan), half_of=command)

    def _upload_state_json(self) -> None:
        """Upload the state as JSON, also after a failed or interrupted command: the current state counts."""
        control = self._context.control
        if control.killed or control.fenced:
            return
        self._context.heartbeat.phase("show")
        shown = self._context.private / "state.json"
        try:
            if self._terraform.show_json(shown, cleanup=True):
                self._context.heartbeat.phase("upload")
                self._upload("/state-json", shown)
        except StepFailed as failure:
            # The state itself is delivered; this is a view of it, for which the disk may have no space.
            self._context.say(failure.message)
        shown.unlink(missing_ok=True)

    def _fetch_plan(self) -> None:
        """Put the plan and its providers in place, before init selects others."""
        for path, target in (("/plan-file", self._terraform.plan_file), ("/plan-lock-file", self._terraform.lock_file)):
            answer = self._call("GET", path, into=target, accept=frozenset({404}))
            if answer == 404 and target == self._terraform.plan_file:
                raise StepFailed(
                    "plan-missing", _("The stored plan of this job is gone, so there is nothing to apply.")
                )
        self._plan_files.fetch(self._terraform.plan_file)
        self._plan_files.restore()
        self._scope.remember_stored(self._terraform.plan_file)

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
                seconds=_LAST_UPLOAD_SECONDS
                if stopping
                else context.api.remaining_seconds(context.claim.outage_seconds),
                pause=time.sleep if stopping else context.control.pause,
            ).status
        except (ApiUnavailable, ApiRefused) as error:
            what = path.strip("/")
            raise StepFailed(
                "upload-failed",
                _("The {file} could not be exchanged with the API: {error}"),
                file=what,
                error=error,
            ) from None
        except AttemptOver as over:
            context.control.fence(str(over))
            raise Stopped from None

    def _keep_state(self, backend: StateBackend, elsewhere: Path | None) -> None:
        context = self._context
        left = backend.finish(
            context.claim.outage_seconds, fenced=context.control.fenced, printed=self._terraform.printed_state
        )
        if elsewhere is not None:
            left = backend.recover_state_file(elsewhere)
        if left is not None:
            settle(context, left)

    def _run_scripts(self, moment: str, select: Callable[[Command], bool]) -> None:
        commands = [command for command in self._job.command_list or () if select(command)]
        if commands:
            self._begin("script", f"Scripts {moment}")
            self._scripts.run(commands)

    def _begin(self, phase: str, title: str) -> None:
        self._context.heartbeat.phase(phase)
        self._context.banner(title)

    def _fail_or_ignore(self, command: str, code: int) -> None:
        failure = self._failure("terraform-failed", command, code)
        if not self._job.ignore_error:
            raise failure
        self.ignored = f"The error of {command} is ignored, as the template says: {failure.message}"
        self._context.say(self.ignored)

    def _failure(self, reason: str, command: str, code: int, *, cure: str | None = None) -> StepFailed:
        message = cure or self._terraform.first_error.text or f"{command} ended with exit code {code}."
        if code == _KILLED:
            message = f"{command} was killed from outside, most often because the memory of the container was used up."
        return StepFailed(reason, message, exit_code=code)
