"""Sets of variables: collections, as the protocol reads and writes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.client import Api, detail, token_of
from tests.factories import CollectionFactory, ItemFactory, WorkspaceFactory
from workspaces.models import Collection, Item, Organization, Project, Workspace

SECRET = "hunter2-of-set"


@pytest.fixture
def api(organization: Organization) -> Api:
    return Api(token_of("OWNERS"), prefix="/api/v2/")


def listed(kind: str, *keys: object) -> dict[str, Any]:
    return {"data": [{"type": kind, "id": str(key)} for key in keys]}


def users_of(api: Api, key: object) -> set[str]:
    found = api.read(f"varsets/{key}")["data"]["relationships"]["workspaces"]["data"]
    return {row["id"] for row in found}


def test_a_set_is_created_changed_and_deleted(api: Api, organization: Organization, workspace: Workspace) -> None:
    response = api.call(
        "POST",
        "organizations/net/varsets",
        {
            "data": {
                "type": "varsets",
                "attributes": {"name": "cloud", "description": "keys", "global": False, "priority": False},
                "relationships": {
                    "workspaces": listed("workspaces", workspace.pk),
                    "vars": {"data": [{"type": "vars", "attributes": {"key": "A", "value": "1", "category": "env"}}]},
                },
            }
        },
    )
    assert response.status_code == 201, response.content
    made = json.loads(response.content)["data"]
    assert made["attributes"]["global"] is made["attributes"]["priority"] is False
    assert made["relationships"]["organization"]["data"] == {"id": "net", "type": "organizations"}
    assert api.read(f"varsets/{made['id']}")["data"] == made
    item = Item.objects.get(collection=made["id"])
    read = api.read(f"varsets/{made['id']}?include=workspaces,vars,unknown")
    assert [row["id"] for row in read["included"]] == [str(item.pk)]
    changed = api.patch(f"varsets/{made['id']}", "varsets", {"name": "clouds"})
    assert json.loads(changed.content)["data"]["attributes"]["name"] == "clouds"
    assert users_of(api, made["id"]) == {str(workspace.pk)}
    assert api.delete(f"varsets/{made['id']}").status_code == 204
    assert api.get(f"varsets/{made['id']}").status_code == 404


def test_workspaces_are_added_removed_and_replaced(api: Api, organization: Organization, workspace: Workspace) -> None:
    key = CollectionFactory.create(organization=organization).pk
    other = WorkspaceFactory.create(organization=organization)
    path = f"varsets/{key}/relationships/workspaces"
    for _ in range(2):
        assert api.call("POST", path, listed("workspaces", workspace.pk)).status_code == 204
    assert api.call("POST", path, listed("workspaces", other.pk)).status_code == 204
    assert users_of(api, key) == {str(workspace.pk), str(other.pk)}
    assert api.call("DELETE", path, listed("workspaces", workspace.pk)).status_code == 204
    assert users_of(api, key) == {str(other.pk)}
    replaced = api.call(
        "PATCH",
        f"varsets/{key}?include=workspaces",
        {
            "data": {
                "type": "varsets",
                "attributes": {"global": False},
                "relationships": {"workspaces": listed("workspaces", workspace.pk)},
            }
        },
    )
    assert replaced.status_code == 200
    assert users_of(api, key) == {str(workspace.pk)}
    foreign = WorkspaceFactory.create()
    assert api.call("POST", path, listed("workspaces", foreign.pk)).status_code == 404


def test_what_a_collection_cannot_be_is_refused(api: Api, organization: Organization, workspace: Workspace) -> None:
    for name in ("global", "priority"):
        response = api.post("organizations/net/varsets", "varsets", {"name": "made", name: True})
        assert response.status_code == 422
        assert json.loads(response.content)["errors"][0]["source"]["pointer"] == f"/data/attributes/{name}"
    assert not Collection.objects.exists()
    key = CollectionFactory.create(organization=organization).pk
    response = api.call("POST", f"varsets/{key}/relationships/projects", listed("projects", "prj-1"))
    assert response.status_code == 422
    assert "workspaces" in detail(response)
    # A set whose variables are refused is not made at all.
    response = api.call(
        "POST",
        "organizations/net/varsets",
        {
            "data": {
                "type": "varsets",
                "attributes": {"name": "half"},
                "relationships": {"vars": {"data": [{"type": "vars", "attributes": {"key": "A"}}]}},
            }
        },
    )
    assert response.status_code == 422
    assert not Collection.objects.filter(name="half").exists()


def test_variables_of_a_set_are_as_those_of_a_workspace(api: Api, organization: Organization) -> None:
    key = CollectionFactory.create(organization=organization).pk
    path = f"varsets/{key}/relationships/vars"
    made = api.made(path, "vars", {"key": "KEY", "value": SECRET, "category": "env", "sensitive": True})
    assert made["attributes"]["value"] is None
    changed = api.patch(f"{path}/{made['id']}", "vars", {"description": "new"})
    assert json.loads(changed.content)["data"]["attributes"]["description"] == "new"
    assert json.loads(changed.content)["data"]["attributes"]["version-id"] != made["attributes"]["version-id"]
    for one in (path, f"{path}/{made['id']}", f"varsets/{key}?include=vars"):
        assert SECRET.encode() not in api.get(one).content
    other = ItemFactory.create(collection__organization=organization)
    assert api.get(f"{path}/{other.pk}").status_code == 404
    assert api.delete(f"{path}/{made['id']}").status_code == 204
    assert api.read(path)["data"] == []


def test_sets_are_listed_by_organization_and_by_workspace(
    api: Api, organization: Organization, workspace: Workspace
) -> None:
    used, unused = (CollectionFactory.create(organization=organization, name=name) for name in ("used", "unlisted"))
    used.references.create(workspace=workspace)
    CollectionFactory.create()

    def found(path: str) -> list[str]:
        return [row["id"] for row in api.read(path)["data"]]

    assert found("organizations/net/varsets") == [str(unused.pk), str(used.pk)]
    assert found("organizations/net/varsets?q=use") == [str(used.pk)]
    assert found(f"workspaces/{workspace.pk}/varsets") == [str(used.pk)]
    page = api.read(f"workspaces/{workspace.pk}/varsets?page%5Bnumber%5D=9")
    assert page["data"] == []
    assert page["meta"]["pagination"]["total-count"] == 1


def test_a_project_has_no_sets(api: Api, organization: Organization) -> None:
    project = Project.objects.create(organization=organization, name="net")
    CollectionFactory.create(organization=organization)
    assert api.read(f"projects/{project.pk}/varsets")["data"] == []
    assert api.get("projects/nonexisting/varsets").status_code == 404
