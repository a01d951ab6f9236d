"""Commands that a step imports from a repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from executors.launching.errors import LaunchError
from executors.launching.imports import import_commands
from tests.factories import WorkspaceFactory
from workspaces import flows, transitions
from workspaces.models import Step
from workspaces.services import jobs
from workspaces.services.steps import needs_commands

pytestmark = pytest.mark.django_db
COMMANDS = "commands:\n  - {runtime: BASH, priority: 1, before: true, script: echo imported}\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    (folder / "templates").mkdir(parents=True)
    (folder / "templates" / "commands.yaml").write_text(COMMANDS)
    (folder / "bad").mkdir()
    (folder / "bad" / "commands.yaml").write_text("commands:\n  - {runtime: PERL, script: x}\n")
    git = ["git", "-C", str(folder), "-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(folder)], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message=first"], check=True)
    return folder


def step_of(repository: Path, folder: str = "/templates", branch: str = "main") -> Step:
    flow = (
        "flow:\n  - type: terraformPlan\n    step: 100\n    importCommands:\n"
        f"      repository: file://{repository}\n      branch: {branch}\n      folder: {folder}\n"
    )
    job = jobs.create_job(WorkspaceFactory.create(), by=None, tcl=flow)
    transitions.advance(job.pk)
    return job.steps.get()


def test_the_file_takes_the_place_of_the_steps_commands(repository: Path) -> None:
    step = step_of(repository)
    assert needs_commands(step)
    import_commands(step)
    step.refresh_from_db()
    assert not needs_commands(step)
    commands = flows.from_json(step.flow).commands
    assert commands is not None
    assert [(command.script, command.before) for command in commands] == [("echo imported", True)]


@pytest.mark.parametrize(
    ("folder", "branch", "said"),
    [
        ("/nowhere", "main", "has no commands.yaml in /nowhere"),
        ("/../..", "main", "has no commands.yaml"),
        ("/bad", "main", "runtime"),
        ("/templates", "missing", "missing"),
    ],
)
def test_what_can_not_be_imported_is_said(repository: Path, folder: str, branch: str, said: str) -> None:
    step = step_of(repository, folder, branch)
    with pytest.raises(LaunchError, match=said):
        import_commands(step)
    step.refresh_from_db()
    assert needs_commands(step)
