"""Commands that a step imports from a repository."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from executors.launching.errors import LaunchError
from executors.launching.imported_commands import import_commands
from terrakube_site.outgoing import allowed_from
from tests.agent.git_server import GitServer
from tests.factories import WorkspaceFactory
from workspaces import flows
from workspaces.jobs import transitions
from workspaces.models import Step
from workspaces.services import jobs
from workspaces.services.steps import needs_commands

pytestmark = pytest.mark.django_db
COMMANDS = "commands:\n  - {runtime: BASH, priority: 1, before: true, script: echo imported}\n"


@pytest.fixture
def repository(tmp_path: Path, settings: Settings) -> Iterator[str]:
    folder = tmp_path / "library"
    (folder / "templates").mkdir(parents=True)
    (folder / "templates" / "commands.yaml").write_text(COMMANDS)
    (folder / "bad").mkdir()
    (folder / "bad" / "commands.yaml").write_text("commands:\n  - {runtime: PERL, script: x}\n")
    git = ["git", "-C", str(folder), "-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(folder)], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message=first"], check=True)
    settings.OUTGOING_ALLOWED = allowed_from(["127.0.0.0/8"])
    server = GitServer(tmp_path, "", "")
    yield f"{server.url}/library"
    server.stop()


def step_of(repository: str, folder: str = "/templates", branch: str = "main") -> Step:
    flow = (
        "flow:\n  - type: terraformPlan\n    step: 100\n    importCommands:\n"
        f"      repository: {repository}\n      branch: {branch}\n      folder: {folder}\n"
    )
    job = jobs.create_job(WorkspaceFactory.create(), by=None, tcl=flow)
    transitions.advance(job.pk)
    return job.steps.get()


def test_the_file_takes_the_place_of_the_steps_commands(repository: str) -> None:
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
def test_what_can_not_be_imported_is_said(repository: str, folder: str, branch: str, said: str) -> None:
    step = step_of(repository, folder, branch)
    with pytest.raises(LaunchError, match=said):
        import_commands(step)
    step.refresh_from_db()
    assert needs_commands(step)


def test_a_repository_of_the_workers_own_network_or_disk_is_not_asked(
    repository: str, settings: Settings, tmp_path: Path
) -> None:
    settings.OUTGOING_ALLOWED = allowed_from([])
    step = step_of(repository)
    with pytest.raises(LaunchError, match=r"127\.0\.0\.1 is no public address"):
        import_commands(step)
    for address in (f"file://{tmp_path}/library", "git://127.0.0.1/library"):
        with pytest.raises(LaunchError, match="must be an address that begins with https://"):
            import_commands(step_of(address))
