"""No member of one organization sees or touches another's records: every route, walked with a foreign token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import models

from tests.api.client import Api, token_of
from tests.api.conftest import SECRET
from tests.factories import PLAN, TeamFactory, TemplateFactory, WorkspaceFactory
from workspaces.api.jsonapi import registry
from workspaces.api.jsonapi.resource import Relationship, Resource
from workspaces.models import Access, Organization

pytestmark = pytest.mark.once


def elements(everything: dict[str, models.Model]) -> Iterator[tuple[str, Resource]]:
    """Each path of one record that the API has, by way of every relationship to many."""
    seen: set[tuple[str, str]] = set()
    waiting = [
        (f"{resource.type}/{everything[resource.type].pk}", resource)
        for resource in registry.all_types().values()
        if resource.root
    ]
    while waiting:
        path, resource = waiting.pop()
        yield path, resource
        for relationship in resource.relationships.values():
            if relationship.many and relationship.type and (resource.type, relationship.name) not in seen:
                seen.add((resource.type, relationship.name))
                target = registry.get(relationship.type)
                waiting.append((f"{path}/{relationship.name}/{everything[target.type].pk}", target))


def collections(path: str, resource: Resource) -> Iterator[tuple[str, Relationship]]:
    for relationship in resource.relationships.values():
        yield f"{path}/{relationship.name}", relationship
        yield f"{path}/relationships/{relationship.name}", relationship


def test_every_type_is_walked(everything: dict[str, models.Model]) -> None:
    assert everything.keys() == registry.all_types().keys()
    assert {resource.type for _, resource in elements(everything)} == registry.all_types().keys()


def snapshot(everything: dict[str, models.Model]) -> dict[str, Any]:
    return {name: list(type(record)._default_manager.order_by("pk").values()) for name, record in everything.items()}


@pytest.mark.parametrize("who", ["stranger", "nobody"])
def test_a_foreign_token_sees_and_touches_nothing(
    who: str, everything: dict[str, models.Model], owner: Api, admin: Api, request: pytest.FixtureRequest
) -> None:
    caller: Api = request.getfixturevalue("stranger") if who == "stranger" else Api()
    refused = {403, 404} if who == "stranger" else {401}
    before = snapshot(everything)
    walked = 0
    for path, resource in elements(everything):
        # Clusters are the installation's.
        reader = admin if resource.type == "cluster" else owner
        assert reader.get(path).status_code == 200, path
        key = str(everything[resource.type].pk)
        answers = [
            caller.get(path),
            caller.patch(path, resource.type, {}),
            caller.call("PATCH", path, {"data": {"type": resource.type, "id": key, "attributes": {"name": "stolen"}}}),
            caller.delete(path),
        ]
        for inner, relationship in collections(path, resource):
            answers += [caller.get(inner), caller.post(inner, relationship.type, {"name": "stolen"})]
        operation = {"op": "remove", "href": f"/{path}"}
        answers.append(caller.call("POST", "operations", {"atomic:operations": [operation]}))
        for answer in answers:
            assert answer.status_code in refused, (path, answer.status_code, answer.content)
            assert SECRET.encode() not in answer.content
        walked += len(answers)
    assert walked > 200
    assert snapshot(everything) == before


def test_root_collections_of_a_foreign_token_are_empty_but_for_its_own(
    everything: dict[str, models.Model], stranger: Api
) -> None:
    for resource in registry.all_types().values():
        if not resource.root:
            assert stranger.get(resource.type).status_code == 404
            continue
        found = stranger.read(resource.type)["data"]
        assert str(everything[resource.type].pk) not in {row["id"] for row in found}
        assert len(found) == (1 if resource.type == "organization" else 0)


def test_a_foreign_record_cannot_be_pulled_in_by_a_relationship(
    everything: dict[str, models.Model], stranger: Api
) -> None:
    own = stranger.read("organization")["data"][0]["id"]
    attributes = {"name": "w", "source": "empty", "branch": "main", "terraformVersion": "1.11.4"}
    path = f"organization/{own}/workspace"
    mine = stranger.made(path, "workspace", attributes)["id"]
    for name in ("vcs", "ssh", "agent"):
        body = {"name": {"data": {"type": name, "id": str(everything[name].pk)}}}
        data = {"type": "workspace", "id": mine, "relationships": {name: body["name"]}}
        assert stranger.call("PATCH", f"{path}/{mine}", {"data": data}).status_code in {403, 404}
    for name, kind in (("defaultTemplate", "template"), ("moduleSshKey", "ssh")):
        response = stranger.patch(f"{path}/{mine}", "workspace", {name: str(everything[kind].pk)})
        assert response.status_code == 400
    tag = {"tagId": str(everything["tag"].pk)}
    assert stranger.post(f"{path}/{mine}/workspaceTag", "workspacetag", tag).status_code == 400
    job = {"templateReference": str(everything["template"].pk)}
    foreign = {"workspace": ("workspace", everything["workspace"].pk)}
    assert stranger.post(f"organization/{own}/job", "job", job, foreign).status_code in {403, 404}
    assert stranger.post(f"organization/{own}/job", "job", job, {"workspace": ("workspace", mine)}).status_code == 400


def test_a_record_is_not_reached_through_another_organization(
    everything: dict[str, models.Model], stranger: Api, owner: Api
) -> None:
    own = stranger.read("organization")["data"][0]["id"]
    workspace = everything["workspace"].pk
    assert stranger.get(f"organization/{own}/workspace/{workspace}").status_code == 404
    assert owner.get(f"organization/{own}/workspace/{workspace}").status_code == 403


def test_access_to_one_workspace_opens_that_and_nothing_beside_it(
    everything: dict[str, models.Model], organization: Organization
) -> None:
    other = WorkspaceFactory.create(organization=organization, name="other")
    Access.objects.filter(pk=everything["access"].pk).update(plan_job=True)
    guest = Api(token_of("OTHERS"))
    workspace = everything["workspace"].pk
    assert [row["id"] for row in guest.read("workspace")["data"]] == [str(workspace)]
    assert guest.get(f"workspace/{other.pk}").status_code == 403
    assert [row["id"] for row in guest.read(f"organization/{organization.pk}/job")["data"]] == [
        str(everything["job"].pk)
    ]
    assert guest.read(f"organization/{organization.pk}/globalvar")["data"] == []
    template = TemplateFactory.create(organization=organization, tcl=PLAN)
    assert {row["id"] for row in guest.read(f"organization/{organization.pk}/template")["data"]} == {
        str(template.pk),
        str(everything["template"].pk),
    }
    start = {"templateReference": str(template.pk)}
    path = f"organization/{organization.pk}/job"
    assert guest.post(path, "job", start, {"workspace": ("workspace", workspace)}).status_code == 201
    assert guest.post(path, "job", start, {"workspace": ("workspace", other.pk)}).status_code in {403, 404}
    variable = {"key": "A", "value": "b", "category": "ENV"}
    assert guest.post(f"workspace/{workspace}/variable", "variable", variable).status_code == 403


def test_nobody_gives_a_right_that_they_lack(everything: dict[str, models.Model], organization: Organization) -> None:
    TeamFactory.create(organization=organization, name="BUILDERS", manage_workspace=True, plan_job=True)
    builder = Api(token_of("BUILDERS"))
    path = f"workspace/{everything['workspace'].pk}/access"
    response = builder.post(path, "access", {"name": "BUILDERS", "approveJob": True})
    assert response.status_code == 403
    assert "approve_job" in json.loads(response.content)["errors"][0]["detail"]
    assert builder.post(path, "access", {"name": "FRIENDS", "planJob": True}).status_code == 201
