"""Variables of a workspace, and all that count in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from auditlog.models import LogEntry

from tests.api.client import Api, detail, token_of
from tests.factories import (
    CollectionFactory,
    GlobalVariableFactory,
    ItemFactory,
    ReferenceFactory,
    VariableFactory,
)
from workspaces.choices import Category
from workspaces.models import Organization, Variable, Workspace

SECRET = "hunter2-of-net"


@pytest.fixture
def api(organization: Organization) -> Api:
    return Api(token_of("OWNERS"), prefix="/api/v2/")


def changed(api: Api, path: str, **attributes: Any) -> Any:
    response = api.patch(path, "vars", attributes)
    assert response.status_code == 200, response.content
    return json.loads(response.content)["data"]


def test_a_variable_is_created_changed_and_deleted(api: Api, workspace: Workspace) -> None:
    path = f"workspaces/{workspace.pk}/vars"
    made = api.made(path, "vars", {"key": "region", "value": "eu", "category": "terraform", "description": "where"})
    assert made["attributes"] | {"version-id": ""} == {
        "key": "region", "value": "eu", "description": "where", "category": "terraform", "hcl": False,
        "sensitive": False, "created-at": None, "version-id": "",
    }  # fmt: skip
    assert made["relationships"]["configurable"]["data"] == {"id": str(workspace.pk), "type": "workspaces"}
    one = f"{path}/{made['id']}"
    assert api.read(one)["data"] == made
    assert changed(api, one, key="REGION", category="env", value="us")["attributes"]["category"] == "env"
    stored = Variable.objects.get(pk=made["id"])
    assert (stored.key, stored.value, stored.category) == ("REGION", "us", Category.ENV)
    assert api.delete(one).status_code == 204
    assert api.get(one).status_code == 404


def test_each_change_gives_another_version_also_one_of_nothing(api: Api, workspace: Workspace) -> None:
    variable = VariableFactory.create(workspace=workspace)
    path = f"workspaces/{workspace.pk}/vars/{variable.pk}"
    versions = [api.read(path)["data"]["attributes"]["version-id"]]
    entries = LogEntry.objects.count()
    versions += [changed(api, path)["attributes"]["version-id"] for _ in range(2)]
    assert len(set(versions)) == 3
    assert LogEntry.objects.count() == entries
    assert api.read(path)["data"]["attributes"]["version-id"] == versions[-1]


def test_a_sensitive_value_is_in_no_answer(api: Api, workspace: Workspace) -> None:
    path = f"workspaces/{workspace.pk}/vars"
    body = {"key": "TOKEN", "value": SECRET, "category": "env", "sensitive": True}
    made = api.post(path, "vars", body)
    key = json.loads(made.content)["data"]["id"]
    assert json.loads(made.content)["data"]["attributes"]["value"] is None
    plain = api.patch(f"{path}/{key}", "vars", {"sensitive": False})
    assert plain.status_code == 422
    assert "sensitive" in detail(plain)
    again = api.post(path, "vars", body)
    assert again.status_code == 422
    # Null, as it was read, leaves the value as it is.
    back = api.patch(f"{path}/{key}", "vars", {"value": None, "description": "back"})
    assert Variable.objects.get(pk=key).value == SECRET
    answers = [made, plain, again, back, api.get(path), api.get(f"{path}/{key}")]
    answers.append(api.get(f"workspaces/{workspace.pk}/all-vars"))
    assert all(SECRET.encode() not in answer.content for answer in answers)


def test_what_cannot_be_is_refused_with_where_it_stands(api: Api, workspace: Workspace) -> None:
    path = f"workspaces/{workspace.pk}/vars"
    for attributes, pointer in (
        ({"key": "a", "category": "policy-set"}, "category"),
        ({"category": "env"}, "key"),
        ({"key": "a"}, "category"),
        ({"key": "a", "category": "env", "value": 1}, "value"),
        ({"key": "a", "category": "env", "hcl": "yes"}, "hcl"),
        ({"key": "a", "category": "env", "description": "x" * 513}, "description"),
    ):
        response = api.post(path, "vars", attributes)
        assert response.status_code == 422, attributes
        assert json.loads(response.content)["errors"][0]["source"] == {"pointer": f"/data/attributes/{pointer}"}
    assert not workspace.variables.exists()


def test_a_variable_of_another_workspace_is_not_there(api: Api, workspace: Workspace) -> None:
    other = VariableFactory.create()
    for path in (f"{other.workspace_id}/vars", f"{workspace.pk}/vars/{other.pk}", "nonexisting/vars"):
        assert api.get(f"workspaces/{path}").status_code == 404


def test_all_that_count_in_a_workspace_come_on_one_page(api: Api, workspace: Workspace) -> None:
    own = [VariableFactory.create(workspace=workspace, key=f"KEY_OWN_{number}") for number in range(25)]
    shared = GlobalVariableFactory.create(organization=workspace.organization, key="SHARED")
    GlobalVariableFactory.create(organization=workspace.organization, key="KEY_OWN_0")
    GlobalVariableFactory.create(organization=workspace.organization, key="workspaceName")
    high, low, unused = (
        CollectionFactory.create(organization=workspace.organization, priority=number) for number in (2, 1, 3)
    )
    for collection in (high, low):
        ReferenceFactory.create(workspace=workspace, collection=collection)
    item = ItemFactory.create(collection=high, key="ITEM")
    for collection, key in ((low, "ITEM"), (high, "SHARED"), (unused, "UNUSED")):
        ItemFactory.create(collection=collection, key=key)
    found = api.read(f"workspaces/{workspace.pk}/all-vars?page%5Bsize%5D=5")["data"]
    assert {row["id"] for row in found} == {str(row.pk) for row in (*own, shared, item)}
    (one,) = (row for row in found if row["id"] == str(item.pk))
    assert one["relationships"] == {"varset": {"data": {"id": str(high.pk), "type": "varsets"}}}
    assert len(api.read(f"workspaces/{workspace.pk}/vars?page%5Bsize%5D=5")["data"]) == 25
