"""Command lines of terraform and tofu for one step."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from executors.agent.context import Context
from executors.agent.errors import StepFailed
from executors.agent.process import run
from executors.agent.source.module_access import module_access
from executors.agent.state.backend_guard import BackendGuard, our_overrides
from executors.agent.state.printed_state import PrintedState
from executors.agent.tools.platform import PLATFORM
from executors.agent.tools.selection import Tool
from terrakube_site.sentences import marked as _
from terrakube_site.terraform.configuration.early_values import needs_values_early
from terrakube_site.terraform.configuration.files import configuration_files
from terrakube_site.terraform.configuration.variables import declared_variables
from terrakube_site.terraform.versions import Version

from .cli_arguments import for_apply_of_plan, for_plan
from .init_output import LOCK_FILE, STYLE, InitOutput
from .provider_folders import cli_configuration
from .variables import VARIABLES_ENDING, has_own_values, write_values_of_plan, write_variables

PLAN_FILE = "terraformLibrary.tfPlan"
_ERROR_LINE = re.compile(rb"Error: ([^\r\n]+)\r?\n")
# The folder with the values' files, each with the name of its variable; see `_variables`.
_VARIABLES = "variables"
# Between the two stand the bars of a frame, where there is one.
_IN_VARIABLE = re.compile(
    rb"Error: ([^\r\n]+)[\s\xe2\x94\x82|]+on \S+/%s/([\w\x80-\xff-]+)%s line (\d+)"
    % (_VARIABLES.encode(), re.escape(VARIABLES_ENDING.encode()))
)
# An error of the type names its variable itself; of texts, and with tofu, it does so alone.
_NOT_SUITABLE = re.compile(
    rb"Error: ([^\r\n]+)(?:(?!Error: ).){0,2000}?not\W+suitable\W+for\W+var\.([\w\x80-\xff-]+)", re.DOTALL
)
_NOTHING: Mapping[str, str] = {}
#: For commands whose output is read by this program.
_OURS = {"TF_CLI_ARGS": "", "TF_CLI_ARGS_show": "", "TF_CLI_ARGS_graph": ""}
#: From these on, ephemeral variables have to be given to the apply of a plan again.
_EPHEMERAL_SINCE = {"terraform": Version(1, 10, 0), "tofu": Version(1, 11, 0)}
#: tofu may need variables already for init (module sources), and then for every command.
_TOFU_EARLY_VARIABLES = Version(1, 8, 0)


class FirstError:
    """Watches masked output for terraform's first `Error:` line, and for the variable whose value an error is about.

    An error in a value comes before all others, wherever it stands: terraform then misses the variable as well.
    """

    def __init__(self) -> None:
        self.text: str | None = None
        self._variable: str | None = None
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take more output."""
        if self._variable is not None:
            return
        self._rest += STYLE.sub(b"", data)
        found = _IN_VARIABLE.search(self._rest) or _NOT_SUITABLE.search(self._rest)
        if found:
            error, self._variable, *lines = (part.decode(errors="replace").strip() for part in found.groups())
            where = "".join(f", line {line}" for line in lines)
            self.text = f"{error}: the value of the variable {self._variable}{where}"
            return
        if self.text is None:
            errors = [match[1].decode(errors="replace").strip() for match in _ERROR_LINE.finditer(self._rest)]
            # Some are a heading for the errors after it.
            self.text = next((text for text in errors if "encountered problems during initiali" not in text), None)
        # An unfinished line may be the one, and a place stands some lines below; what is before it is not.
        self._rest = self._rest[-2048:]


class Terraform:
    """Runs the tool in the step's folder, with the variables in a private file."""

    def __init__(
        self,
        context: Context,
        tool: Tool,
        folder: Path,
        *,
        environment: Mapping[str, str],
        backend: Mapping[str, str],
        guard: BackendGuard,
    ) -> None:
        self._context = context
        self._job = context.job
        self._tool = tool
        self._folder = folder
        self._environment = environment
        self._backend = backend
        self._guard = guard
        self._color = [] if context.claim.color else ["-no-color"]
        self.first_error = FirstError()
        self.init_cure: str | None = None
        self.exit_code: int | None = None
        self._printed = PrintedState()

    @property
    def printed_state(self) -> bytes | None:
        """Return a state that terraform printed since nothing else took it; None without one."""
        return self._printed.state

    @property
    def plan_file(self) -> Path:
        """Return where plan leaves its plan and apply finds it; scripts know it by this name."""
        return self._folder / PLAN_FILE

    @property
    def lock_file(self) -> Path:
        """Return the providers that init chose."""
        return self._folder / LOCK_FILE

    def init(self, *, quietly: bool) -> int:
        """`init` with our backend; `quietly` shows its output only when it fails."""
        self._guard.prepare(self._guard.environment(self._environment, check=True))
        with module_access(self._context, self._environment) as more:
            code, output = self._init(more, quietly)
            errors = output.errors
            wider = cli_configuration(errors, self._folder, self._environment, self._tool.name) if code else None
            if wider is not None:
                self._context.say(
                    "The providers of this image or volume do not fit; init runs again with the registry."
                )
                configuration = self._context.private / "providers.tfrc"
                try:
                    configuration.write_text(wider)
                    code, output = self._init({**more, "TF_CLI_CONFIG_FILE": str(configuration)}, quietly)
                finally:
                    # It may hold credentials of the workspace's own configuration.
                    configuration.unlink(missing_ok=True)
        if code:
            # The registry may be out of reach as well.
            self.init_cure = output.errors.cure(self._tool.name, PLATFORM) or errors.cure(self._tool.name, PLATFORM)
        if code or not quietly:
            output.release()
            self._say(self._printed.finish())
        return code

    def _init(self, more: Mapping[str, str], quietly: bool) -> tuple[int, InitOutput]:
        arguments = ["init", *self._color, "-input=false"]
        if self._reads_variables_early:
            arguments += self._variables()
        output = InitOutput(self._show, quietly=quietly)
        return self._run(arguments, more, output.feed), output

    def plan(self, *, destroy: bool, lock: bool) -> int:
        """`plan` into the plan file: 0 no changes, 2 changes, 1 failed.

        Raises StepFailed if there is no configuration, unless it is a plan to destroy.
        """
        self._require_configuration(destroy=destroy)
        arguments = ["plan", *self._color, "-input=false", f"-out={PLAN_FILE}", "-detailed-exitcode"]
        arguments += self._planning(destroy=destroy)
        arguments += [] if lock else ["-lock=false"]
        return self._run([*arguments, *self._variables()])

    def plan_of(self, command: str, into: Path) -> int:
        """`plan` into a file of what an apply or destroy without a stored plan would do: 0, or 1 failed.

        Raises StepFailed as `plan` does.
        """
        self._require_configuration(destroy=command == "destroy")
        arguments = ["plan", *self._color, "-input=false", f"-out={into}"]
        arguments += self._planning(destroy=command == "destroy")
        # The workspace's arguments for the command that this is a half of.
        own = {"TF_CLI_ARGS_plan": for_plan(self._own_arguments(command))}
        return self._run([*arguments, *self._variables()], own)

    def apply_plan(self, plan: Path, *, half_of: str = "apply") -> int:
        """`apply` of a plan file: exactly that plan, so no variables but the ephemeral ones, which no plan holds.

        It takes the arguments that the workspace has for `half_of`, the command whose first half was the plan. tofu
        refuses a value other than the plan's, wherever it finds one, so it gets the plan's own over all others.
        """
        knows_ephemeral = self._tool.version >= _EPHEMERAL_SINCE[self._tool.name]
        again = self._values_of_plan(plan)
        if knows_ephemeral:
            again += self._variables(only_ephemeral=True)
        ephemeral = {"", *self._ephemeral()} if knows_ephemeral else set()
        arguments = for_apply_of_plan(self._own_arguments(half_of), may_give=ephemeral.__contains__)
        own = {"TF_CLI_ARGS_apply": arguments}
        return self._run(["apply", *self._color, "-input=false", "-auto-approve", *again, str(plan)], own)

    def show_json(self, into: Path, *, plan: Path | None = None, cleanup: bool = False) -> bool:
        """`show -json` of a plan file, or of the state, into a file; whether it worked."""
        arguments = ["show", "-json", *self._early_variables(), *([str(plan)] if plan else [])]
        return self._run(arguments, _OURS, output=into, cleanup=cleanup) == 0

    def graph(self, into: Path, *, plan: Path) -> bool:
        """The dependencies in the configuration that a plan was made of, as DOT, into a file; whether it worked."""
        return self._run(["graph", "-type=plan", f"-plan={plan}", *self._early_variables()], _OURS, output=into) == 0

    def output_json(self, into: Path) -> bool:
        """`output -json` into a file; whether it worked."""
        return self._run(["output", "-json", *self._early_variables()], output=into) == 0

    def _require_configuration(self, *, destroy: bool) -> None:
        """Refuse what the tool refuses in an empty folder, where it would destroy everything: ours is never empty."""
        files = configuration_files(self._folder, tofu=self._tool.name == "tofu")
        if destroy or {path.name for path in files} - set(our_overrides(self._folder)):
            return
        raise StepFailed(
            "source-failed",
            _(
                "The folder {folder} has no configuration for {tool}, so a plan would destroy everything. Correct the "
                "path in the repository, or add a file that {tool} reads."
            ),
            folder=repr(self._job.folder),
            tool=self._tool.name,
        )

    def _planning(self, *, destroy: bool) -> list[str]:
        """Return what the job asks of a plan."""
        job, scope = self._job, self._context.claim.scope
        arguments = ["-destroy"] if destroy else []
        arguments += [] if job.refresh else ["-refresh=false"]
        arguments += ["-refresh-only"] if job.refresh_only else []
        arguments += [f"-target={address}" for address in scope.targets]
        return arguments + [f"-replace={address}" for address in scope.replaces]

    def _own_arguments(self, command: str) -> str:
        return self._environment.get(f"TF_CLI_ARGS_{command}", "")

    def _ephemeral(self) -> list[str]:
        declared = declared_variables(self._folder, tofu=self._tool.name == "tofu")
        return [name for name, declaration in declared.items() if declaration.ephemeral]

    def _variables(self, *, only_ephemeral: bool = False) -> list[str]:
        values = self._job.variables
        if not values:
            return []
        declared = declared_variables(self._folder, tofu=self._tool.name == "tofu")
        if only_ephemeral:
            declared = {name: declaration for name, declaration in declared.items() if declaration.ephemeral}
        folder = self._context.private / _VARIABLES
        marked = self._context.claim.hcl_variables
        return [f"-var-file={path}" for path in write_variables(folder, values, declared, hcl=marked)]

    @property
    def _reads_variables_early(self) -> bool:
        return self._tool.name == "tofu" and self._tool.version >= _TOFU_EARLY_VARIABLES

    def _early_variables(self) -> list[str]:
        """Return the variables for a command that needs none by itself, if the configuration cannot be read without."""
        data_folder = self._folder / (self._environment.get("TF_DATA_DIR") or ".terraform")
        if not self._reads_variables_early or not needs_values_early(self._folder, data_folder):
            return []
        return self._variables()

    def _values_of_plan(self, plan: Path) -> list[str]:
        """Return the values that a plan was made with, where tofu would find others or cannot read the plan alone."""
        needed = self._early_variables()
        if not needed and not (self._reads_variables_early and has_own_values(self._folder, self._environment)):
            return []
        shown = self._context.private / "values.json"
        try:
            if not self.show_json(shown, plan=plan):
                # Its message stands in the log; the apply then has the variables of now.
                return self._early_variables()
            ephemeral = frozenset(self._ephemeral())
            return [f"-var-file={write_values_of_plan(self._context.private / _VARIABLES, shown, without=ephemeral)}"]
        finally:
            shown.unlink(missing_ok=True)

    def undeclared_variables(self) -> list[str]:
        """Return names of variables that the module does not declare, and that are therefore not passed."""
        if not self._job.variables:
            return []
        declared = declared_variables(self._folder, tofu=self._tool.name == "tofu")
        return sorted(name for name in self._job.variables if name not in declared)

    def _run(
        self,
        arguments: list[str],
        more: Mapping[str, str] = _NOTHING,
        write: Callable[[bytes], object] | None = None,
        *,
        output: Path | None = None,
        cleanup: bool = False,
    ) -> int:
        command, main = arguments[0], output is None
        environment = self._guard.environment(self._environment, check=not cleanup)
        if main and command != "init":
            self._guard.check(environment, command, Path(arguments[-1]) if command == "apply" else None)
        try:
            code = run(
                [str(self._tool.path), *arguments],
                cwd=self._folder,
                environment={**environment, **self._backend, **more},
                control=self._context.control,
                write=write or self._show,
                output=output,
                cleanup=cleanup,
            )
        finally:
            shutil.rmtree(self._context.private / _VARIABLES, ignore_errors=True)
            self._say(self._printed.finish())
        if main:
            self.exit_code = code
            # What a cancelled command says with its exit code is of no interest.
            self._context.control.check()
            if command != "init":
                self._guard.check_finished(command, code)
            elif not code:
                self._guard.check(environment, command)
        return code

    def _show(self, data: bytes) -> None:
        self._say(self._printed.feed(data))

    def _say(self, data: bytes) -> None:
        if data:
            self.first_error.feed(self._context.log.write(data))
