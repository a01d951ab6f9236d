"""Run the scripts of a step with bash.

A script gets terraform's environment, Terrakube's variables for scripts, and the job's Terraform variables. Unlike in
Terrakube, `accessToken` and `terrakubeToken` are left out: they are keys to the repository and to the API, and a script
that needs one should get its own.

Scripts run in order of priority; those of equal priority in the order listed (Terrakube loses all but the last of
them).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from executors.contract.job_data import Command
from terrakube_site.sentences import marked as _

from .context import Context
from .environment import fits, is_shell_name, read_temp_environment
from .errors import StepFailed
from .process import run
from .tools.selection import Tool

TEMP_ENVIRONMENT_FILE = ".terrakube_temp_env"
_REPOSITORY = "tools-repository"


class Scripts:
    """Runs command lists in the step's folder.

    What a command writes into `.terrakube_temp_env` goes into `environment`, for everything that runs after it.
    """

    def __init__(
        self, context: Context, folder: Path, environment: dict[str, str], container: Mapping[str, str]
    ) -> None:
        self._context = context
        self._folder = folder
        self._environment = environment
        self._container = container
        self._tools = context.folder.path / "bash-tools"
        self.tool: Tool | None = None
        self.terraform_output: str | None = None

    def run(self, commands: Iterable[Command]) -> None:
        """Run all commands in order; the first failure raises StepFailed and the rest do not run."""
        for command in sorted(commands, key=lambda command: command.priority):
            self._run_one(command)

    def _run_one(self, command: Command) -> None:
        if command.runtime != "BASH":
            raise StepFailed(
                "script-failed",
                _("This executor runs BASH scripts only, not {runtime}."),
                runtime=command.runtime,
            )
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
            raise StepFailed("script-failed", _("A script ended with exit code {code}."), code=code, exit_code=code)

    def _fetch_repository(self) -> None:
        """Clone the installation's tool repository for scripts that use it; if that fails, the script decides."""
        target = self._context.folder.path / _REPOSITORY
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
            "terrakubeToolsRepository": str(self._context.folder.path / _REPOSITORY),
        }
        environment["PATH"] = self._search_path(environment.get("PATH", os.defpath))
        if self.terraform_output is not None:
            environment["terraformOutput"] = self.terraform_output
        too_long = sorted(name for name, value in environment.items() if not fits(name, value))
        if too_long:
            self._context.say(f"Too long for a script's environment (128 KiB) and left out: {', '.join(too_long)}.")
        return {name: value for name, value in environment.items() if name not in too_long}

    def _search_path(self, path: str) -> str:
        if self.tool is not None:
            path = os.pathsep.join([str(self.tool.path.parent), path])
            if self.tool.name == "tofu" and shutil.which("terraform", path=path) is None:
                # Most scripts know the program by this name.
                names = self._context.work / "names"
                names.mkdir(exist_ok=True)
                if not (names / "terraform").exists():
                    (names / "terraform").symlink_to(self.tool.path)
                path = os.pathsep.join([path, str(names)])
        return os.pathsep.join([str(self._tools), path])
