"""States at a terminal: the real commands, on a workspace whose runs are on the terminal's own machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.client import token_of
from tests.factories import OrganizationFactory, TeamFactory
from tests.tfe.tls import TlsSite
from workspaces.choices import ExecutionMode
from workspaces.models import Organization, StateVersion, Workspace

TOOLS = ("terraform", "tofu")
CONFIGURATION = """
resource "terraform_data" "a" {
  input = "one"
}
output "plain" {
  value = terraform_data.a.output
}
output "hidden" {
  value     = "value-of-hidden"
  sensitive = true
}
"""


class Terminal:
    """A folder with a configuration in the cloud, and a user who is signed in."""

    def __init__(self, site: TlsSite, folder: Path, tool: str, organization: Organization, workspace: str) -> None:
        self._site, self._folder, self._tool = site, folder, tool
        self._home = site.home(folder, token=token_of(organization.name.upper(), name="owner@example.com"))
        self._cloud = (
            f'terraform {{\n  cloud {{\n    hostname = "{site.hostname}"\n    organization = "{organization.name}"\n'
            f'    workspaces {{\n      name = "{workspace}"\n    }}\n  }}\n}}\n'
        )
        self.write(CONFIGURATION)

    def use_backend(self) -> None:
        """Keep the state by the backend ``remote``, which came before the cloud block."""
        self._cloud = self._cloud.replace("cloud {", 'backend "remote" {')
        self.write(CONFIGURATION)
        shutil.rmtree(self._folder / ".terraform")
        self.run("init", "-no-color", "-input=false")

    def write(self, configuration: str) -> None:
        (self._folder / "main.tf").write_text(self._cloud + configuration, encoding="utf-8")

    def file(self, name: str, content: str) -> str:
        (self._folder / name).write_text(content, encoding="utf-8")
        return name

    def try_(self, *arguments: str) -> tuple[int, str]:
        """Run a command; its exit code, and what it printed on both channels."""
        done = self._site.run([self._tool, *arguments], home=self._home, folder=self._folder)
        return done.returncode, done.stdout + done.stderr

    def run(self, *arguments: str) -> str:
        """Run a command that must succeed; what it printed."""
        done = self._site.run([self._tool, *arguments], home=self._home, folder=self._folder)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout


@pytest.fixture(params=TOOLS)
def terminal(request: pytest.FixtureRequest, tls_site: TlsSite, tmp_path: Path) -> Iterator[Terminal]:
    organization = OrganizationFactory.create(name=f"states-{request.param}", execution_mode=ExecutionMode.LOCAL)
    TeamFactory.create(organization=organization, name=organization.name.upper(), role="write")
    made = Terminal(tls_site, tmp_path, request.param, organization, "app")
    made.run("init", "-no-color", "-input=false")
    yield made
    organization.delete()


def serials() -> list[int]:
    return list(StateVersion.objects.filter(workspace__name="app").order_by("number").values_list("serial", flat=True))


def test_the_commands_of_states_work_at_a_terminal(terminal: Terminal) -> None:
    assert json.loads(terminal.run("state", "pull"))["resources"] == []
    terminal.run("apply", "-auto-approve", "-no-color")
    assert json.loads(terminal.run("state", "pull"))["outputs"]["plain"]["value"] == "one"
    assert terminal.run("output", "-raw", "hidden") == "value-of-hidden"
    assert "hidden" in terminal.run("output", "-no-color")
    assert "No changes" in terminal.run("plan", "-no-color")
    terminal.run("state", "mv", "terraform_data.a", "terraform_data.b")
    assert terminal.run("state", "list").split() == ["terraform_data.b"]
    terminal.run("taint", "terraform_data.b")
    terminal.run("untaint", "terraform_data.b")
    terminal.run("state", "rm", "terraform_data.b")
    terminal.run("import", "-no-color", "terraform_data.a", "imported")
    assert terminal.run("state", "list").split() == ["terraform_data.a"]
    assert "terraform_data.a" in terminal.run("show", "-no-color")
    assert serials() == sorted(set(serials()))
    assert not Workspace.objects.get(name="app").locked


def test_a_state_is_pushed_if_it_follows(terminal: Terminal) -> None:
    terminal.run("apply", "-auto-approve", "-no-color")
    state = json.loads(terminal.run("state", "pull"))
    newer = terminal.file("newer.tfstate", json.dumps(state | {"serial": state["serial"] + 5}))
    terminal.run("state", "push", newer)
    # What is pushed is a change of its own, with a serial above that of the file.
    assert serials()[-1] > state["serial"] + 4
    older = terminal.file("older.tfstate", json.dumps(state | {"outputs": {}}))
    assert terminal.try_("state", "push", older)[0] == 1
    # The cloud block sends no force; the older backend does.
    terminal.use_backend()
    terminal.run("state", "push", "-force", older)
    assert json.loads(terminal.run("state", "pull"))["outputs"] == {}


def test_a_locked_workspace_refuses_and_is_unlocked_by_force(terminal: Terminal) -> None:
    workspace = Workspace.objects.get(name="app")
    Workspace.objects.filter(pk=workspace.pk).update(locked=True, locked_by_name="other@example.com")
    code, said = terminal.try_("apply", "-auto-approve", "-no-color")
    assert code == 1
    assert "lock" in said
    name = f"{workspace.organization.name}/app"
    terminal.run("force-unlock", "-force", "-no-color", name)
    terminal.run("apply", "-auto-approve", "-no-color")
