"""terraform's and tofu's command lines for one step."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from .context import Context
from .git_access import ssh_key
from .process import run
from .tools import Tool
from .variables import declared_variables, write_variables
from .versions import Version

PLAN_FILE = "terraformLibrary.tfPlan"
LOCK_FILE = ".terraform.lock.hcl"
OVERRIDE_FILE = "terrakube_override.tf"
_OVERRIDE = 'terraform {\n  backend "http" {}\n}\n'
_ANSI = re.compile(rb"\x1b\[[0-9;]*[A-Za-z]")
_ERROR_LINE = re.compile(rb"Error: ([^\r\n]+)\r?\n")
_KEPT_BYTES = 1024 * 1024
_VARIABLES_FILE = "variables.tfvars"
_NOTHING: Mapping[str, str] = {}
#: From these on, ephemeral variables have to be given to the apply of a plan again.
_EPHEMERAL_SINCE = {"terraform": Version(1, 10, 0), "tofu": Version(1, 11, 0)}
#: tofu may need variables already for init (module sources).
_TOFU_EARLY_VARIABLES = Version(1, 8, 0)


class FirstError:
    """Watches masked output for terraform's first `Error:` line."""

    def __init__(self) -> None:
        self.text: str | None = None
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take more output."""
        if self.text is not None:
            return
        self._rest += _ANSI.sub(b"", data)
        for match in _ERROR_LINE.finditer(self._rest):
            text = match[1].decode(errors="replace").strip()
            # A heading for the errors after it.
            if "encountered problems during initiali" not in text:
                self.text = text
                return
        # An unfinished line may be the one; what is before it is not.
        self._rest = self._rest[-2048:]


class Terraform:
    """Runs the tool in the step's folder, with the variables in a private file."""

    def __init__(
        self, context: Context, tool: Tool, folder: Path, *, environment: Mapping[str, str], backend: Mapping[str, str]
    ) -> None:
        self._context = context
        self._job = context.job
        self._tool = tool
        self._folder = folder
        self._environment = environment
        self._backend = backend
        self._color = [] if context.claim.color else ["-no-color"]
        self.first_error = FirstError()
        self.exit_code: int | None = None

    @property
    def plan_file(self) -> Path:
        """Where plan leaves its plan and apply finds it; scripts know it by this name."""
        return self._folder / PLAN_FILE

    @property
    def lock_file(self) -> Path:
        """The providers that init chose."""
        return self._folder / LOCK_FILE

    def init(self, *, quietly: bool) -> int:
        """`init` with our backend; `quietly` shows its output only when it fails."""
        (self._folder / OVERRIDE_FILE).write_text(_OVERRIDE)
        arguments = ["init", *self._color, "-input=false"]
        if (self._folder / ".terraform" / "terraform.tfstate").is_file():
            # Uploaded with the source: what another backend left must not be asked about.
            arguments.append("-reconfigure")
        if self._tool.name == "tofu" and self._tool.version >= _TOFU_EARLY_VARIABLES:
            arguments += self._variables()
        kept = bytearray()

        def keep(data: bytes) -> None:
            kept.extend(data)
            del kept[:-_KEPT_BYTES]

        with contextlib.ExitStack() as stack:
            more = {}
            if self._job.module_ssh_key:
                more["GIT_SSH_COMMAND"] = stack.enter_context(
                    ssh_key(self._job.module_ssh_key, self._context.private, "module")
                )
            code = self._run(arguments, more, keep if quietly else None)
        if code and quietly:
            self._show(bytes(kept))
        return code

    def plan(self, *, destroy: bool, lock: bool) -> int:
        """`plan` into the plan file: 0 no changes, 2 changes, 1 failed."""
        job = self._job
        arguments = ["plan", *self._color, "-input=false", f"-out={PLAN_FILE}", "-detailed-exitcode"]
        arguments += ["-destroy"] if destroy else []
        arguments += [] if job.refresh else ["-refresh=false"]
        arguments += ["-refresh-only"] if job.refresh_only else []
        arguments += [] if lock else ["-lock=false"]
        return self._run([*arguments, *self._variables()])

    def apply_plan(self) -> int:
        """`apply` of the plan file: exactly that plan, so no variables but the ephemeral ones, which no plan holds."""
        since = _EPHEMERAL_SINCE[self._tool.name]
        again = self._variables(only_ephemeral=True) if self._tool.version >= since else []
        return self._run(["apply", *self._color, "-input=false", "-auto-approve", *again, PLAN_FILE])

    def apply(self) -> int:
        """`apply` of what terraform plans now."""
        return self._run(["apply", *self._color, "-input=false", "-auto-approve", *self._variables()])

    def destroy(self) -> int:
        """`destroy` of everything in the state."""
        return self._run(["destroy", *self._color, "-input=false", "-auto-approve", *self._variables()])

    def show_json(self, into: Path, *, plan: bool, cleanup: bool = False) -> bool:
        """`show -json` of the plan file or of the state, into a file; whether it worked."""
        arguments = ["show", "-json", *([PLAN_FILE] if plan else [])]
        return self._run(arguments, output=into, cleanup=cleanup) == 0

    def output_json(self, into: Path) -> bool:
        """`output -json` into a file; whether it worked."""
        return self._run(["output", "-json"], output=into) == 0

    def _variables(self, *, only_ephemeral: bool = False) -> list[str]:
        values = self._job.variables
        if not values:
            return []
        declared = declared_variables(self._folder, tofu=self._tool.name == "tofu")
        if only_ephemeral:
            declared = {name: declaration for name, declaration in declared.items() if declaration.ephemeral}
        path = self._context.private / _VARIABLES_FILE
        write_variables(path, values, declared)
        return [f"-var-file={path}"] if any(name in declared for name in values) else []

    def undeclared(self) -> list[str]:
        """Names of variables that the module does not declare, and that are therefore not passed."""
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
        try:
            code = run(
                [str(self._tool.path), *arguments],
                cwd=self._folder,
                environment={**self._environment, **self._backend, **more},
                control=self._context.control,
                write=write or self._show,
                output=output,
                cleanup=cleanup,
            )
        finally:
            (self._context.private / _VARIABLES_FILE).unlink(missing_ok=True)
        if output is None:
            self.exit_code = code
            # What a cancelled command says with its exit code is of no interest.
            self._context.control.check()
        return code

    def _show(self, data: bytes) -> None:
        self.first_error.feed(self._context.log.write(data))
