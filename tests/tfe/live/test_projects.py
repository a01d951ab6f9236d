"""The ``project`` of a cloud block, by terraform and tofu: workspaces are created in it and listed of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.client import token_of
from tests.factories import OrganizationFactory, ProjectFactory, TeamFactory, WorkspaceFactory
from tests.tfe.tls import TlsSite
from workspaces.models import Organization, Project, ProjectAccess, Workspace

pytestmark = pytest.mark.slow
TOOLS = ("terraform", "tofu")


@pytest.fixture
def organization() -> Organization:
    found: Organization = OrganizationFactory.create()
    TeamFactory.create(organization=found, name="OWNERS", role="write")
    return found


def block(site: TlsSite, organization: Organization, project: str, workspace: str) -> str:
    return f"""terraform {{
  cloud {{
    hostname     = "{site.hostname}"
    organization = "{organization.name}"
    workspaces {{
      {workspace}
      project = "{project}"
    }}
  }}
}}
"""


def init(site: TlsSite, tool: str, folder: Path, configuration: str, group: str = "OWNERS") -> tuple[int, str]:
    """Return the exit code of ``init`` and what it says."""
    (folder / "main.tf").write_text(configuration)
    done = site.run([tool, "init", "-no-color"], home=site.home(folder, token=token_of(group)), folder=folder)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("tool", TOOLS)
def test_a_workspace_is_created_in_the_project_of_the_block(
    tls_site: TlsSite, organization: Organization, tmp_path: Path, tool: str
) -> None:
    project: Project = ProjectFactory.create(organization=organization, name="networks")
    ProjectFactory.create(organization=organization, name="networks of others")
    code, said = init(tls_site, tool, tmp_path, block(tls_site, organization, "networks", 'name = "core"'))
    assert code == 0, said
    assert organization.workspaces.get(name="core").project == project


@pytest.mark.parametrize("tool", TOOLS)
def test_a_project_that_is_not_there_is_created(
    tls_site: TlsSite, organization: Organization, tmp_path: Path, tool: str
) -> None:
    code, said = init(tls_site, tool, tmp_path, block(tls_site, organization, "new", 'name = "core"'))
    assert code == 0, said
    assert organization.workspaces.get(name="core").project == organization.projects.get(name="new")


@pytest.mark.parametrize("tool", TOOLS)
def test_the_default_project_is_that_of_workspaces_without_one(
    tls_site: TlsSite, organization: Organization, tmp_path: Path, tool: str
) -> None:
    configuration = block(tls_site, organization, "Default Project", 'name = "core"')
    code, said = init(tls_site, tool, tmp_path, configuration)
    assert code == 0, said
    assert organization.workspaces.get(name="core").project is None
    assert not organization.projects.exists()


def test_who_has_access_to_the_project_alone_creates_a_workspace_there(
    tls_site: TlsSite, organization: Organization, tmp_path: Path
) -> None:
    project: Project = ProjectFactory.create(organization=organization, name="networks")
    ProjectAccess.objects.create(project=project, name=organization.name, role="write")
    for name, code_wanted in (("Default Project", 1), ("networks", 0)):
        configuration = block(tls_site, organization, name, 'name = "core"')
        code, said = init(tls_site, "terraform", tmp_path, configuration, organization.name)
        assert code == code_wanted, said
    assert project.workspaces.get().name == "core"


@pytest.mark.parametrize("tool", TOOLS)
def test_tags_choose_among_the_workspaces_of_the_project(
    tls_site: TlsSite, organization: Organization, tmp_path: Path, tool: str
) -> None:
    project: Project = ProjectFactory.create(organization=organization, name="networks")
    tag = organization.tags.create(name="net")
    for name, its in (("inside", project), ("outside", None)):
        workspace: Workspace = WorkspaceFactory.create(organization=organization, name=name, project=its)
        workspace.workspace_tags.create(tag=tag)
    code, said = init(tls_site, tool, tmp_path, block(tls_site, organization, "networks", 'tags = ["net"]'))
    assert code == 0, said
    home = tls_site.home(tmp_path)
    listed = tls_site.run([tool, "workspace", "list", "-no-color"], home=home, folder=tmp_path)
    assert "inside" in listed.stdout, listed.stdout + listed.stderr
    assert "outside" not in listed.stdout
