"""Projects of the cloud protocol: the default project without a record, and those of the site."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext

from tests.api.client import Api, token_of
from tests.factories import OrganizationFactory, ProjectFactory, TeamFactory, WorkspaceFactory
from tfe.body import Related
from tfe.errors import Invalid
from tfe.project_keys import in_project, named_project, project_id
from workspaces.models import Organization, Project, ProjectAccess, Workspace

pytestmark = pytest.mark.django_db
PREFIX = "/api/v2/"


@pytest.fixture
def organization() -> Organization:
    found: Organization = OrganizationFactory.create(name="net")
    TeamFactory.create(organization=found, name="OWNERS", role="write")
    TeamFactory.create(organization=found, name="READERS", role="read")
    return found


@pytest.fixture
def owner(organization: Organization) -> Api:
    return Api(token_of("OWNERS"), prefix=PREFIX)


@pytest.fixture
def reader(organization: Organization) -> Api:
    return Api(token_of("READERS"), prefix=PREFIX)


def sent(**attributes: Any) -> dict[str, Any]:
    return {"data": {"type": "projects", "attributes": attributes}}


def refusal(answer: HttpResponse) -> tuple[int, str]:
    return answer.status_code, json.loads(answer.content)["errors"][0]["detail"]


def names(api: Api, query: str = "") -> list[str]:
    return [row["attributes"]["name"] for row in api.read(f"organizations/net/projects{query}")["data"]]


def test_a_project_lives_through_create_read_update_and_delete(owner: Api, reader: Api) -> None:
    answer = owner.call("POST", "organizations/net/projects", sent(name="my networks", description="d"))
    assert answer.status_code == 201
    made = json.loads(answer.content)["data"]
    assert (made["type"], made["attributes"]["name"], made["attributes"]["description"]) == (
        "projects", "my networks", "d",
    )  # fmt: skip
    assert made["relationships"]["organization"] == {"data": {"id": "net", "type": "organizations"}}
    assert made["attributes"]["permissions"]["can-update"]
    path = f"projects/{made['id']}"
    assert owner.read(path)["data"] == made
    assert not reader.read(path)["data"]["attributes"]["permissions"]["can-update"]
    changed = json.loads(owner.call("PATCH", path, sent(name="networks")).content)["data"]
    assert (changed["attributes"]["name"], changed["attributes"]["description"]) == ("networks", "d")
    assert refusal(reader.call("PATCH", path, sent(name="x")))[0] == 403
    assert refusal(reader.call("DELETE", path, None))[0] == 403
    assert owner.call("DELETE", path, None).status_code == 204
    assert owner.get(path).status_code == 404


def test_every_organization_has_a_default_project_that_stays(owner: Api, reader: Api) -> None:
    (default,) = owner.read("organizations/net/projects")["data"]
    path = f"projects/{default['id']}"
    assert default["attributes"]["name"] == "Default Project"
    assert owner.read(path)["data"] == default
    for method, document in (("PATCH", sent(name="x")), ("DELETE", None)):
        assert refusal(owner.call(method, path, document)) == (
            422, "Default Project holds the workspaces without a project. It cannot be renamed or deleted.",
        )  # fmt: skip
        assert reader.call(method, path, document).status_code == 403
    answer = owner.call("POST", "organizations/net/projects", sent(name="Default Project"))
    assert answer.status_code == 422
    assert not Project.objects.exists()


def test_names_that_are_taken_or_wrong_are_refused_with_a_pointer(owner: Api, organization: Organization) -> None:
    ProjectFactory.create(organization=organization, name="taken")
    answer = owner.call("POST", "organizations/net/projects", sent(name="taken"))
    assert refusal(answer) == (422, "A project named taken already exists.")
    for name in ("", "a:b", " a"):
        answer = owner.call("POST", "organizations/net/projects", sent(name=name))
        assert answer.status_code == 422
        assert json.loads(answer.content)["errors"][0]["source"] == {"pointer": "/data/attributes/name"}
    assert owner.call("POST", "organizations/net/projects", {"data": {"type": "teams"}}).status_code == 422


@pytest.mark.parametrize(
    ("attributes", "related"),
    [
        ({"default-execution-mode": "local"}, {}),
        ({"default-execution-mode": "agent", "default-agent-pool-id": "apool-1"}, {}),
        ({"auto-destroy-activity-duration": "14d"}, {}),
        ({}, {"tag-bindings": {"data": [{"type": "tag-bindings", "attributes": {"key": "a", "value": "b"}}]}}),
    ],
)
def test_what_projects_do_not_have_is_refused_and_not_dropped(
    owner: Api, organization: Organization, attributes: dict[str, str], related: dict[str, Any]
) -> None:
    project: Project = ProjectFactory.create(organization=organization)
    data = {"type": "projects", "attributes": {"name": "made", **attributes}, "relationships": related}
    for method, path in (("POST", "organizations/net/projects"), ("PATCH", f"projects/{project.pk}")):
        assert owner.call(method, path, {"data": data}).status_code == 422
    assert [one.name for one in Project.objects.all()] == [project.name]
    same = {"name": "made", "default-execution-mode": "remote", "auto-destroy-activity-duration": None}
    assert owner.call("PATCH", f"projects/{project.pk}", sent(**same)).status_code == 200


def test_a_list_is_filtered_and_comes_in_pages(owner: Api, organization: Organization) -> None:
    for number in range(24):
        ProjectFactory.create(organization=organization, name=f"p{number:02}")
    ProjectFactory.create(organization=organization, name="a, b")
    assert names(owner)[:3] == ["Default Project", "a, b", "p00"]
    assert len(names(owner)) == 20
    assert names(owner, "?page%5Bnumber%5D=2") == [f"p{number}" for number in range(18, 24)]
    assert owner.read("organizations/net/projects")["meta"]["pagination"]["total-count"] == 26
    for asked, found in (
        ("p01", ["p01"]), ("p01,p02", ["p01", "p02"]), ("a, b", ["a, b"]), ("P01", []),
        ("Default Project", ["Default Project"]), ("none", []),
    ):  # fmt: skip
        assert names(owner, f"?filter%5Bnames%5D={quote(asked)}") == found
    assert names(owner, "?q=P2") == ["p20", "p21", "p22", "p23"]
    assert names(owner, "?q=default") == ["Default Project"]
    assert names(owner, "?q=2&filter%5Bnames%5D=p21,p11") == ["p21"]


def test_a_list_takes_the_same_queries_for_many_projects(owner: Api, organization: Organization) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            owner.read("organizations/net/projects")
        return len(captured)

    ProjectFactory.create(organization=organization)
    few = asked()
    for _ in range(5):
        WorkspaceFactory.create(organization=organization, project=ProjectFactory.create(organization=organization))
    assert asked() == few


def test_what_is_another_s_is_not_there(owner: Api, organization: Organization) -> None:
    foreign: Project = ProjectFactory.create()
    for key in (str(foreign.pk), f"prj-{foreign.organization_id}", "prj-1", "prj-", str(uuid4()), "x"):
        for method in ("GET", "PATCH", "DELETE"):
            document = sent(name="mine") if method == "PATCH" else None
            assert owner.call(method, f"projects/{key}", document).status_code == 404
    assert owner.get(f"organizations/{foreign.organization.name}/projects").status_code == 404
    organization.disabled = True
    organization.save()
    assert owner.get(f"projects/prj-{organization.pk}").status_code == 404


def test_who_has_access_to_a_project_alone_sees_that_one(organization: Organization) -> None:
    mine: Project = ProjectFactory.create(organization=organization, name="mine")
    other: Project = ProjectFactory.create(organization=organization, name="other")
    ProjectAccess.objects.create(project=mine, name="GUESTS", manage_workspace=True)
    guest = Api(token_of("GUESTS"), prefix=PREFIX)
    assert names(guest) == ["Default Project", "mine"]
    default, shown = guest.read("organizations/net/projects")["data"]
    assert shown["attributes"]["permissions"] == {
        "can-create-workspace": True, "can-destroy": False, "can-move-workspace": False, "can-read": True,
        "can-update": False,
    }  # fmt: skip
    assert not default["attributes"]["permissions"]["can-create-workspace"]
    assert guest.get(f"projects/{other.pk}").status_code == 404


def test_a_project_with_workspaces_is_not_deleted(owner: Api, organization: Organization) -> None:
    workspace: Workspace = WorkspaceFactory.create(
        organization=organization, name="inside", project=ProjectFactory.create(organization=organization, name="p")
    )
    answer = owner.call("DELETE", f"projects/{workspace.project_id}", None)
    assert refusal(answer) == (409, "The project p still has workspaces: inside. Move or delete them first.")
    assert owner.read(f"projects/{workspace.project_id}")["data"]["attributes"]["workspace-count"] == 1
    assert owner.read(f"projects/prj-{organization.pk}")["data"]["attributes"]["workspace-count"] == 0


def test_workspaces_are_moved_all_or_none(owner: Api, reader: Api, organization: Organization) -> None:
    project: Project = ProjectFactory.create(organization=organization)
    first, second = (WorkspaceFactory.create(organization=organization) for _ in range(2))
    foreign = WorkspaceFactory.create()
    TeamFactory.create(organization=foreign.organization, name="OWNERS", role="write")
    path = f"projects/{project.pk}/relationships/workspaces"

    def moved(api: Api, *workspaces: Workspace, to: str = path) -> int:
        rows = [{"type": "workspaces", "id": str(one.pk)} for one in workspaces]
        return api.call("POST", to, {"data": rows}).status_code

    assert moved(reader, first) == 403
    assert moved(owner, first, foreign) == 422
    assert not Workspace.objects.exclude(project=None).exists()
    assert moved(owner, first, second) == 204
    assert set(project.workspaces.all()) == {first, second}
    assert moved(owner, first, to=f"projects/prj-{organization.pk}/relationships/workspaces") == 204
    assert set(project.workspaces.all()) == {second}


# ---- what the workspaces of the protocol ask ------------------------------------------------------------------------


def test_a_workspace_is_found_by_its_project_s_id(organization: Organization) -> None:
    project: Project = ProjectFactory.create(organization=organization)
    inside: Workspace = WorkspaceFactory.create(organization=organization, project=project)
    outside: Workspace = WorkspaceFactory.create(organization=organization)
    WorkspaceFactory.create()
    for one in (inside, outside):
        assert list(Workspace.objects.filter(in_project(project_id(one)))) == [one]
    for key in ("", "x", "prj-", "prj-x", str(uuid4())):
        assert not Workspace.objects.filter(in_project(key)).exists()


def test_a_document_names_a_project_of_the_organization(organization: Organization) -> None:
    project, foreign = ProjectFactory.create(organization=organization), ProjectFactory.create()

    def named(key: str) -> Project | None:
        return named_project(None, organization, Related("projects", key))

    assert named(str(project.pk)) == project
    assert named(f"prj-{organization.pk}") is None
    for key in (str(foreign.pk), f"prj-{foreign.organization_id}", "x", ""):
        with pytest.raises(Invalid, match="no such project in net"):
            named(key)
