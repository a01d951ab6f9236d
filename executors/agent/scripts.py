"""A step's own scripts, run by bash.

A script gets the environment that terraform gets, Terrakube's variables for scripts, and the job's Terraform
variables. `accessToken` and `terrakubeToken` are not among them, unlike in Terrakube: they are keys to the
repository and to the API, and a script that needs one is better given one of its own.

Scripts run in order of priority; those of equal priority in the order in which they are listed (Terrakube loses
all but the last of them).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from executors.job_data import Command

from .context import Context
from .environment import fits, is_shell_name, read_temp_environment
from .errors import StepFailed
from .process import run

TEMP_ENVIRONMENT_FILE = ".terrakube_temp_env"
_REPOSITORY = "tools-repository"


class Scripts:
    """Runs lists of commands in the step's folder.

    What they write into `.terrakube_temp_env` goes into `environment`, for all that runs after them.
    """

    def __init__(
        self, context: Context, folder: Path, environment: dict[str, str], container: Mapping[str, str]
    ) -> None:
        self._context = context
        self._folder = folder
        self._environment = environment
        self._container = container
        self._tools = context.work / "bash-tools"
        self.tool_folder: Path | None = None
        self.terraform_output: str | None = None

    def run(self, commands: Iterable[Command]) -> None:
        """Run them all; the first that fails raises StepFailed and keeps the rest from running."""
        for command in sorted(commands, key=lambda command: command.priority):
            self._run_one(command)

    def _run_one(self, command: Command) -> None:
        if command.runtime != "BASH":
            raise StepFailed("script-failed", f"This executor runs BASH scripts only, not {command.runtime}.")
        if command.verbose:
            self._context.say("Script:\n" + command.script.rstrip("\n"))
        if "terrakubeToolsRepository" in command.script:
            self._fetch_repository()
        self._tools.mkdir(exist_ok=True)
        path = self._context.private / "userScript.sh"
        path.write_text(command.script.replace("\r\n", "\n"))
        path.chmod(0o600)
        try:
            code = run(
                ["bash", str(path)],
                cwd=self._folder,
                environment=self._script_environment(),
                control=self._context.control,
                write=self._context.log.write,
                whole_group=True,
            )
        finally:
            path.unlink(missing_ok=True)
        self._context.control.check()
        self._environment.update(read_temp_environment(self._folder / TEMP_ENVIRONMENT_FILE))
        if code:
            raise StepFailed("script-failed", f"A script ended with exit code {code}.", exit_code=code)

    def _fetch_repository(self) -> None:
        """The installation's repository of tools, for the rare script that uses it; without it that script decides."""
        target = self._context.work / _REPOSITORY
        url, branch = self._container.get("TerrakubeToolsRepository"), self._container.get("TerrakubeToolsBranch")
        if not url or target.exists():
            return
        code = run(
            ["git", "clone", "--quiet", "--depth", "1", "--branch", branch or "main", "--", url, str(target)],
            cwd=self._folder,
            environment={**self._environment, "GIT_TERMINAL_PROMPT": "0"},
            control=self._context.control,
            write=self._context.log.write,
            whole_group=True,
        )
        self._context.control.check()
        if code:
            self._context.say("The repository of tools could not be cloned.")

    def _script_environment(self) -> dict[str, str]:
        job = self._context.job
        environment = {name: value for name, value in job.variables.items() if is_shell_name(name)}
        environment |= self._environment
        environment |= {
            "terrakubeEnv": str(self._folder / TEMP_ENVIRONMENT_FILE),
            "workingDirectory": str(self._folder),
            "organizationId": job.organization_id,
            "workspaceId": job.workspace_id,
            "jobId": job.job_id,
            "stepId": job.step_id,
            "terraformVersion": job.terraform_version,
            "source": job.source,
            "branch": job.branch,
            "vcsType": job.vcs_type,
            "terrakubeApi": self._container.get("TerrakubeApiUrl", ""),
            "bashToolsDirectory": str(self._tools),
            "terrakubeToolsRepository": str(self._context.work / _REPOSITORY),
        }
        path = [self._tools, *([self.tool_folder] if self.tool_folder else [])]
        environment["PATH"] = os.pathsep.join([*map(str, path), environment.get("PATH", os.defpath)])
        if self.terraform_output is not None:
            environment["terraformOutput"] = self.terraform_output
        too_long = sorted(name for name, value in environment.items() if not fits(name, value))
        if too_long:
            self._context.say(f"Too long for a script's environment (128 KiB) and left out: {', '.join(too_long)}.")
        return {name: value for name, value in environment.items() if name not in too_long}
