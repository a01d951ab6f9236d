"""Projects as Terrakube's clients call them, and workspaces that are put into them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.client import Api, detail, token_of
from tests.factories import ProjectFactory, WorkspaceFactory
from workspaces.models import Organization, Project, ProjectAccess, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def home(organization: Organization) -> str:
    return f"organization/{organization.pk}"


@pytest.fixture
def project(organization: Organization) -> Project:
    found: Project = ProjectFactory.create(organization=organization, name="networks")
    return found


def put(project: Project | None) -> dict[str, Any]:
    return {"data": None if project is None else {"type": "project", "id": str(project.pk)}}


def test_a_workspace_is_made_in_a_project_and_taken_out_again(owner: Api, home: str, project: Project) -> None:
    sent = {"name": "w", "source": "empty", "branch": "main", "terraformVersion": "1.11.4"}
    made = owner.made(f"{home}/workspace", "workspace", sent, {"project": ("project", project.pk)})
    assert made["relationships"]["project"] == put(project)
    assert [row["id"] for row in owner.read(f"{home}/project/{project.pk}/workspace")["data"]] == [made["id"]]
    document = {"data": {"type": "workspace", "id": made["id"], "relationships": {"project": put(None)}}}
    assert owner.call("PATCH", f"{home}/workspace/{made['id']}", document).status_code == 204
    # Where none is set, Terrakube's provider finds none.
    assert owner.read(f"workspace/{made['id']}")["data"]["relationships"]["project"] == {"data": None}
    link = f"workspace/{made['id']}/relationships/project"
    assert owner.call("PATCH", link, put(project)).status_code == 204
    assert owner.read(link) == put(project)
    assert owner.read(f"workspace/{made['id']}/project")["data"]["attributes"]["name"] == "networks"


def test_workspaces_are_filtered_by_their_project_and_included_with_it(
    owner: Api, home: str, project: Project, workspace: Workspace
) -> None:
    WorkspaceFactory.create(organization=project.organization, name="inside", project=project)
    for asked in (f"project.id=={project.pk}", "project.name==networks"):
        found = owner.read(f"{home}/workspace?filter[workspace]={asked}&include=project")
        assert [row["attributes"]["name"] for row in found["data"]] == ["inside"]
        assert [row["attributes"]["name"] for row in found["included"]] == ["networks"]
    named = owner.read(f"{home}/project?filter[project]=name==networks&include=workspace")
    assert [row["attributes"]["name"] for row in named["included"]] == ["inside"]


def test_a_foreign_organization_s_project_is_refused_on_a_workspace(
    owner: Api, admin: Api, workspace: Workspace
) -> None:
    foreign: Project = ProjectFactory.create()
    link = f"workspace/{workspace.pk}/relationships/project"
    assert owner.call("PATCH", link, put(foreign)).status_code in {403, 404}
    answer = admin.call("PATCH", link, put(foreign))
    assert (answer.status_code, detail(answer)) == (400, "The project belongs to another organization.")
    assert owner.get(f"project/{foreign.pk}").status_code in {403, 404}
    workspace.refresh_from_db()
    assert workspace.project is None


def test_a_project_with_workspaces_is_not_deleted(owner: Api, home: str, project: Project) -> None:
    workspace = WorkspaceFactory.create(organization=project.organization, name="inside", project=project)
    answer = owner.delete(f"{home}/project/{project.pk}")
    assert (answer.status_code, detail(answer)) == (
        409,
        "The project networks still has workspaces: inside. Move or delete them first.",
    )
    assert owner.delete(f"{home}/workspace/{workspace.pk}").status_code == 204
    assert owner.delete(f"{home}/project/{project.pk}").status_code == 204


def test_a_group_of_a_project_sees_and_changes_its_workspaces_alone(
    owner: Api, home: str, project: Project, workspace: Workspace
) -> None:
    inside: Workspace = WorkspaceFactory.create(organization=project.organization, name="inside", project=project)
    sent = {"name": "GUESTS", "role": "write"}
    owner.made(f"{home}/project/{project.pk}/projectAccess", "project_access", sent)
    guest = Api(token_of("GUESTS"))
    assert [row["attributes"]["name"] for row in guest.read(f"{home}/workspace")["data"]] == ["inside"]
    assert guest.patch(f"workspace/{inside.pk}", "workspace", {"description": "x"}).status_code == 204
    assert guest.patch(f"workspace/{workspace.pk}", "workspace", {"description": "x"}).status_code == 403
    new = {"name": "mine", "source": "empty", "branch": "main", "terraformVersion": "1.11.4"}
    assert guest.post(f"{home}/workspace", "workspace", new).status_code == 403
    made = guest.made(f"{home}/workspace", "workspace", new, {"project": ("project", project.pk)})
    answer = guest.call("PATCH", f"workspace/{made['id']}/relationships/project", put(None))
    assert (answer.status_code, detail(answer)) == (
        403,
        "You may not move a workspace in net: none of your teams there has the right manage_access.",
    )
    assert guest.read(f"{home}/project/{project.pk}/projectAccess") == {"data": []}
    ProjectAccess.objects.update(role="admin")
    assert len(guest.read(f"{home}/project/{project.pk}/projectAccess")["data"]) == 1
