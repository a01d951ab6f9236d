"""Run a configuration by the bare program, as a person does it at a terminal."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.configurations.case import LIBRARY, TOFU, Case, Round
from tests.configurations.facts import Facts, alike, facts_of_round
from workspaces.choices import IacType

_PASSED_ON = ("PATH", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR")
_QUIETLY = ("-no-color", "-input=false")
_CHANGES = 2
_SECONDS = 600


def at_terminal(case: Case, program: IacType, folder: Path, library: str) -> Facts:
    """Return what comes of the case's rounds in an empty folder; ``library`` is the URL of the modules' repository."""
    return _Terminal(case, program, folder, library).run()


class _Terminal:
    def __init__(self, case: Case, program: IacType, folder: Path, library: str) -> None:
        self._case, self._program, self._library = case, program, library
        self._source, self._home = folder / "source", folder / "home"
        self._values = folder / "values.tfvars"
        for made in (self._source, self._home):
            made.mkdir(parents=True)
        # Without links, as the program itself tells paths.
        self._source = self._source.resolve()
        self._module = self._source / case.folder
        kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        self._environment = {**kept, "HOME": str(self._home), "CHECKPOINT_DISABLE": "1", **case.environment}

    def run(self) -> Facts:
        self._write(self._case.files)
        facts: Facts = {}
        for number, step in enumerate(self._case.rounds, start=1):
            self._write(step.files)
            facts |= self._round(number, step)
        return alike(facts, [str(self._source)])

    def _write(self, files: Mapping[str, str | None]) -> None:
        for name, text in files.items():
            path = self._source / name
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(text.replace(LIBRARY, self._library).encode())

    def _round(self, number: int, step: Round) -> Facts:
        said: list[str] = []
        code = 0
        commands = [["bash", "-c", step.before_init]] if step.before_init else []
        values = self._values_arguments()
        # tofu may need variables already for init.
        commands += [[self._program.value, "init", *_QUIETLY, *(values if self._program == TOFU else [])]]
        commands += [["bash", "-c", step.before]] if step.before else []
        commands += [[self._program.value, step.command, *_QUIETLY, *_arguments(step), *values]]
        for command in commands:
            ran = subprocess.run(
                command,
                cwd=self._module,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_SECONDS,
            )
            code = ran.returncode
            # The site shows the output of an init only where it failed.
            if code or "init" not in command:
                said.append(ran.stdout.decode(errors="replace"))
            if code:
                break
        is_plan = step.command == "plan"
        succeeded = code in ((0, _CHANGES) if is_plan else (0,))
        state = self._module / self._case.state
        return facts_of_round(
            number,
            succeeded=succeeded,
            changes=code == _CHANGES if is_plan and succeeded else None,
            said=said,
            state=state.read_bytes() if state.exists() else None,
        )

    def _values_arguments(self) -> list[str]:
        arguments, expressions = [], []
        for name, variable in self._case.variables.items():
            if variable.expression is None:
                arguments += ["-var", f"{name}={variable.value}"]
            else:
                expressions.append(f"{name} = {variable.expression}\n")
        if expressions:
            self._values.write_text("".join(expressions), encoding="utf-8", newline="")
            arguments += [f"-var-file={self._values}"]
        return arguments


def _arguments(step: Round) -> list[str]:
    arguments = ["-detailed-exitcode"] if step.command == "plan" else ["-auto-approve"]
    arguments += [f"-target={address}" for address in step.targets]
    arguments += [f"-replace={address}" for address in step.replaces]
    arguments += [] if step.refresh else ["-refresh=false"]
    return arguments + (["-refresh-only"] if step.refresh_only else [])
