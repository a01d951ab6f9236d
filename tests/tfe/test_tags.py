"""Tags of workspaces: names for tofu and older terraform, keys with values for newer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.client import Api, token_of
from tests.factories import WorkspaceFactory
from tests.tfe.routes import BASES
from workspaces.models import Access, Organization, Tag, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(organization: Organization) -> Api:
    return Api(token_of("OWNERS"), prefix=f"/{BASES[1]}")


def bindings(api: Api, workspace: Workspace, kind: str = "tag-bindings") -> dict[str, str]:
    found = api.read(f"workspaces/{workspace.pk}/{kind}")["data"]
    assert {one["type"] for one in found} <= {kind}
    return {one["attributes"]["key"]: one["attributes"]["value"] for one in found}


def bound(*pairs: tuple[str, str]) -> Any:
    return {"data": [{"type": "tag-bindings", "attributes": {"key": key, "value": value}} for key, value in pairs]}


def tags(api: Api, method: str, workspace: Workspace, *members: dict[str, Any]) -> int:
    body = {"data": [{"type": "tags", **one} for one in members]}
    return api.call(method, f"workspaces/{workspace.pk}/relationships/tags", body).status_code


def tag_names(api: Api, workspace: Workspace) -> list[str]:
    found: list[str] = api.read(f"workspaces/{workspace.pk}")["data"]["attributes"]["tag-names"]
    return found


def test_a_key_without_a_value_is_a_name_and_a_binding(api: Api, workspace: Workspace) -> None:
    assert tags(api, "POST", workspace, {"attributes": {"name": "b"}}, {"attributes": {"name": "a"}}) == 204
    assert tag_names(api, workspace) == ["a", "b"]
    assert bindings(api, workspace) == bindings(api, workspace, "effective-tag-bindings") == {"a": "", "b": ""}
    listed = api.read(f"workspaces/{workspace.pk}/relationships/tags")["data"]
    assert [one["attributes"]["name"] for one in listed] == ["a", "b"]


def test_bindings_are_added_and_changed_and_names_keep_values(api: Api, workspace: Workspace) -> None:
    address = f"workspaces/{workspace.pk}/tag-bindings"
    response = api.call("PATCH", address, bound(("team", "a"), ("env", "dev")))
    assert [one["attributes"]["key"] for one in json.loads(response.content)["data"]] == ["team", "env"]
    api.call("PATCH", address, bound(("team", "b")))
    assert tags(api, "POST", workspace, {"attributes": {"name": "team"}}) == 204
    assert bindings(api, workspace) == {"env": "dev", "team": "b"}


def test_a_change_of_the_workspace_replaces_its_bindings(api: Api, workspace: Workspace) -> None:
    api.call("PATCH", f"workspaces/{workspace.pk}/tag-bindings", bound(("team", "a"), ("env", "dev")))
    for sent, kept in ((bound(("env", "prod")), {"env": "prod"}), ({"data": []}, {})):
        body = {"data": {"type": "workspaces", "attributes": {}, "relationships": {"tag-bindings": sent}}}
        assert api.call("PATCH", f"workspaces/{workspace.pk}", body).status_code == 200
        assert bindings(api, workspace) == kept


def test_a_new_workspace_has_the_tags_that_it_was_sent_with(api: Api, organization: Organization) -> None:
    related = {
        "tags": {"data": [{"type": "tags", "attributes": {"name": name}} for name in ("tag2", "tag1")]},
        "tag-bindings": bound(("team", "a")),
    }
    body = {"data": {"type": "workspaces", "attributes": {"name": "app"}, "relationships": related}}
    response = api.call("POST", f"organizations/{organization.name}/workspaces", body)
    assert response.status_code == 201, response.content
    assert json.loads(response.content)["data"]["attributes"]["tag-names"] == ["tag1", "tag2", "team"]


def test_tags_are_taken_by_name_and_by_id(api: Api, workspace: Workspace) -> None:
    tags(api, "POST", workspace, *({"attributes": {"name": name}} for name in ("a", "b", "c")))
    key = str(Tag.objects.get(name="b").pk)
    assert tags(api, "DELETE", workspace, {"attributes": {"name": "a"}}, {"id": key}) == 204
    assert tags(api, "DELETE", workspace, {"attributes": {"name": "none"}}) == 204
    assert tag_names(api, workspace) == ["c"]
    assert Tag.objects.count() == 3

    other = WorkspaceFactory.create(organization=workspace.organization, name="other")
    assert tags(api, "POST", other, {"id": key}) == 204
    assert tag_names(api, other) == ["b"]


def test_wrong_tags_are_refused(api: Api, workspace: Workspace) -> None:
    assert tags(api, "POST", workspace, {"attributes": {"name": ""}}) == 422
    assert tags(api, "POST", workspace, {"attributes": {"name": "x" * 65}}) == 422
    assert tags(api, "POST", workspace, {"attributes": {"name": ["a"]}}) == 422
    assert tags(api, "POST", workspace, {"id": "nonexisting"}) == 404
    assert tags(api, "POST", workspace, {"id": str(workspace.pk)}) == 422
    assert tag_names(api, workspace) == []


def test_who_manages_one_workspace_gives_it_the_tags_that_are_there(workspace: Workspace) -> None:
    Access.objects.create(workspace=workspace, name="GROUP", manage_workspace=True)
    Tag.objects.create(organization=workspace.organization, name="there")
    caller = Api(token_of("GROUP"), prefix=f"/{BASES[1]}")
    assert tags(caller, "POST", workspace, {"attributes": {"name": "there"}}) == 204
    assert tags(caller, "POST", workspace, {"attributes": {"name": "new"}}) == 403
    assert tag_names(caller, workspace) == ["there"]
