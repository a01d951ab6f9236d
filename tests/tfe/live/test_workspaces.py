"""Workspaces of terraform and tofu at a terminal: found by name or by tags, created, listed, deleted."""

from __future__ import annotations

from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.factories import OrganizationFactory, TeamFactory, WorkspaceFactory
from tests.tfe.tls import TlsSite
from workspaces.actors import TokenUser
from workspaces.models import Project, Tag, Workspace, WorkspaceTag
from workspaces.services.tokens import create_token

CLOUD = """\
terraform {{
  cloud {{
    hostname     = "{host}"
    organization = "{organization}"
    workspaces {{
      {workspaces}
    }}
  }}
}}
"""
REMOTE = """\
terraform {{
  backend "remote" {{
    hostname     = "{host}"
    organization = "{organization}"
    workspaces {{
      {workspaces}
    }}
  }}
}}
"""
TOOLS = ("terraform", "tofu")
pytestmark = pytest.mark.slow


class Terminal:
    """A folder with one configuration, and commands in it by somebody of one team."""

    def __init__(self, site: TlsSite, folder: Path, tool: str, organization: str, **rights: object) -> None:
        self.site, self.folder, self.tool = site, folder, tool
        self.organization = OrganizationFactory.create(name=organization)
        TeamFactory.create(organization=self.organization, name=f"{organization}-team", **rights)
        groups = frozenset({f"{organization}-team"})
        _record, token = create_token(by=TokenUser(name="a", email="a@b.example", groups=groups))
        self.home = site.home(folder, token=token)

    def configure(self, workspaces: str, block: str = CLOUD) -> None:
        text = block.format(host=self.site.hostname, organization=self.organization.name, workspaces=workspaces)
        (self.folder / "main.tf").write_text(text)

    def run(self, *command: str, text: str = "") -> CompletedProcess[str]:
        return self.site.run([self.tool, *command], home=self.home, folder=self.folder, text=text)

    def done(self, *command: str, text: str = "") -> str:
        found = self.run(*command, text=text)
        assert found.returncode == 0, found.stdout + found.stderr
        return found.stdout

    def workspace(self, name: str) -> Workspace:
        return self.organization.workspaces.get(name=name, deleted=False)


@pytest.mark.parametrize("tool", TOOLS)
def test_init_creates_the_workspace_of_a_name(tls_site: TlsSite, tmp_path: Path, tool: str) -> None:
    terminal = Terminal(tls_site, tmp_path, tool, f"named-{tool}", role="admin")
    terminal.configure('name = "app"')
    for _again in range(2):
        terminal.done("init", "-input=false", "-no-color")
    made = terminal.workspace("app")
    assert (made.iac_type, made.uploaded_source) == (tool, True)
    assert made.terraform_version != "latest"
    assert terminal.done("workspace", "show").strip() == "app"


@pytest.mark.parametrize("tool", TOOLS)
def test_workspaces_with_tags_are_created_listed_and_deleted(tls_site: TlsSite, tmp_path: Path, tool: str) -> None:
    terminal = Terminal(tls_site, tmp_path, tool, f"tagged-{tool}", role="admin")
    terminal.configure('tags = ["net", "eu"]')
    terminal.done("init", "-no-color", text="one\n")
    terminal.done("workspace", "new", "two")
    WorkspaceFactory.create(organization=terminal.organization, name="untagged")
    listed = terminal.done("workspace", "list").replace("*", " ").split()
    assert listed == ["one", "two"]
    assert [row.tag.name for row in terminal.workspace("two").workspace_tags.order_by("tag__name")] == ["eu", "net"]

    terminal.done("workspace", "select", "one")
    terminal.done("workspace", "delete", "two")
    assert not terminal.organization.workspaces.filter(name="two", deleted=False).exists()


def test_workspaces_with_pairs_as_tags(tls_site: TlsSite, tmp_path: Path) -> None:
    terminal = Terminal(tls_site, tmp_path, "terraform", "pairs", role="admin")
    Project.objects.create(organization=terminal.organization, name="shop")
    terminal.configure('tags = { team = "net", env = "dev" }\n      project = "shop"')
    terminal.done("init", "-no-color", text="one\n")
    made = terminal.workspace("one")
    assert made.project is not None
    assert made.project.name == "shop"
    assert {row.tag.name: row.value for row in made.workspace_tags.all()} == {"team": "net", "env": "dev"}
    other = WorkspaceFactory.create(organization=terminal.organization, name="other", project=made.project)
    for tag in Tag.objects.filter(organization=terminal.organization):
        WorkspaceTag.objects.create(workspace=other, tag=tag, value="else")
    assert terminal.done("workspace", "list").replace("*", " ").split() == ["one"]


@pytest.mark.parametrize("tool", TOOLS)
def test_who_may_not_create_a_workspace_is_told_so(tls_site: TlsSite, tmp_path: Path, tool: str) -> None:
    terminal = Terminal(tls_site, tmp_path, tool, f"reading-{tool}", role="read")
    terminal.configure('name = "app"')
    found = terminal.run("init", "-input=false", "-no-color")
    assert found.returncode == 1
    assert "You may not create a workspace" in " ".join((found.stdout + found.stderr).replace("│", " ").split())
    assert not terminal.organization.workspaces.exists()


@pytest.mark.parametrize("tool", TOOLS)
def test_workspaces_with_a_prefix_of_the_remote_backend(tls_site: TlsSite, tmp_path: Path, tool: str) -> None:
    terminal = Terminal(tls_site, tmp_path, tool, f"prefix-{tool}", role="admin")
    for name in ("app-one", "web-app-x"):
        WorkspaceFactory.create(organization=terminal.organization, name=name, source="empty", branch="remote-content")
    terminal.configure('prefix = "app-"', REMOTE)
    terminal.done("init", "-input=false", "-no-color")
    terminal.done("workspace", "new", "two")
    assert terminal.done("workspace", "list").replace("*", " ").split() == ["one", "two"]
    assert terminal.workspace("app-two").iac_type == tool
    terminal.done("workspace", "select", "one")
    terminal.done("workspace", "delete", "two")
    assert not terminal.organization.workspaces.filter(name="app-two", deleted=False).exists()
