"""Each role at each record of the API: by its path, by every path around it, and by operations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.client import Api
from tests.api.test_boundaries import elements
from tests.roles.declared import RECORDS, STARTS, WHO, Row, Who
from tests.roles.scene import Scene, api_of, enrol, undone
from workspaces.api.jsonapi import registry
from workspaces.api.jsonapi.resource import Resource
from workspaces.models import Job

pytestmark = pytest.mark.once

DONE, REFUSED = {200, 201, 204}, {401, 403, 404}
# What a right leads to where the record itself stands in the way: it is taken, or still runs.
IN_THE_WAY = 409
# The rest of the address and the types of the records that it leads through.
Path = tuple[str, Resource, frozenset[str]]


def paths(scene: Scene) -> Iterator[Path]:
    for path, resource in elements(dict(scene.records)):
        segments = path.split("/")[1:]
        keys = {str(record.pk): name for name, record in scene.records.items()}
        yield path, resource, frozenset(keys[segment] for segment in segments if segment in keys)


def may_reach(who: Who, through: frozenset[str]) -> bool:
    return all(who.may(RECORDS[name].read) for name in through)


def needed_to_create(row: Row, through: frozenset[str]) -> str:
    return next((needed for name, needed in row.create_in.items() if name in through), row.create)


def body(resource: Resource, row: Row, scene: Scene) -> dict[str, Any]:
    names = {link.type: name for name, link in resource.relationships.items() if not link.many}
    related = {names[kind]: {"data": {"type": kind, "id": str(scene.records[kind].pk)}} for kind in row.related}
    return {"type": resource.type, "attributes": scene.filled(row.body), "relationships": related}


def asked(api: Api, method: str, path: str, document: Any, *, allowed: bool, what: object) -> None:
    """Do one request, which is taken back, and compare its answer with the table."""
    with undone():
        response = api.call(method, path, document)
    wanted = DONE | {IN_THE_WAY} if allowed else REFUSED
    assert response.status_code in wanted, (what, method, path, response.status_code, response.content[:300])


def test_every_type_has_a_row() -> None:
    assert RECORDS.keys() == registry.all_types().keys()


@pytest.mark.parametrize("name", WHO)
def test_the_api_answers_each_role_as_the_table_says(name: str, scene: Scene) -> None:
    who, api = enrol(name, scene), api_of(name)
    walked = 0
    for path, resource, through in paths(scene):
        row, key = RECORDS[resource.type], path.rpartition("/")[2]
        above = may_reach(who, through - {resource.type})
        seen = above and who.may(row.read)
        assert (api.get(path).status_code == 200) is seen, (name, path)
        collection = path.rpartition("/")[0]
        listed = api.get(collection)
        if listed.status_code == 200:
            data = json.loads(listed.content)["data"]
            # The one record of a relationship to one is no list; without any it is null.
            keys = {found["id"] for found in (data if isinstance(data, list) else filter(None, [data]))}
            assert (key in keys) is seen, (name, collection)
        else:
            assert not above or not who.rights, (name, collection, listed.status_code)
        changed = {"data": {"type": resource.type, "id": key, "attributes": scene.filled(row.changes)}}
        asked(api, "PATCH", path, changed, allowed=seen and who.may(row.change), what=name)
        asked(api, "DELETE", path, None, allowed=seen and who.may(row.delete), what=name)
        made = {"data": body(resource, row, scene)}
        reached = above and all(who.may(RECORDS[one].read) for one in row.related)
        # What is chosen among others is made elsewhere.
        reached &= not collection.endswith("/templates")
        asked(api, "POST", collection, made, allowed=reached and who.may(needed_to_create(row, through)), what=name)
        walked += 1
    assert walked > 25


@pytest.mark.parametrize("name", WHO)
def test_operations_answer_each_role_as_paths_do(name: str, scene: Scene) -> None:
    who, api = enrol(name, scene), api_of(name)
    done: set[str] = set()
    for path, resource, through in paths(scene):
        if resource.type in done or "/templates/" in path:
            continue
        done.add(resource.type)
        row, key = RECORDS[resource.type], path.rpartition("/")[2]
        seen = may_reach(who, through | {resource.type})
        above = may_reach(who, (through - {resource.type}) | set(row.related))
        data = {"type": resource.type, "id": key, "attributes": scene.filled(row.changes)}
        for operation, allowed in (
            ({"op": "update", "href": f"/{path}", "data": data}, seen and who.may(row.change)),
            ({"op": "remove", "href": f"/{path}"}, seen and who.may(row.delete)),
            (
                {"op": "add", "href": f"/{path.rpartition('/')[0]}", "data": body(resource, row, scene)},
                above and who.may(needed_to_create(row, through)),
            ),
        ):
            document = {"atomic:operations": [operation]}
            asked(api, "POST", "operations", document, allowed=allowed, what=(name, operation["op"]))
    assert done == RECORDS.keys()


@pytest.mark.parametrize("door", ["job", "operations"])
@pytest.mark.parametrize("name", WHO)
def test_a_job_is_started_by_each_role_as_the_table_says(name: str, door: str, scene: Scene) -> None:
    who, api = enrol(name, scene), api_of(name)
    Job.objects.filter(workspace=scene.workspace).delete()
    path = f"organization/{scene.workspace.organization_id}/job"
    related = {"workspace": {"data": {"type": "workspace", "id": str(scene.workspace.pk)}}}
    for what, (attributes, needed) in STARTS.items():
        data = {"type": "job", "attributes": scene.filled(attributes), "relationships": related}
        if door == "operations":
            operations = [{"op": "add", "href": f"/{path}", "data": data}]
            document: dict[str, Any] = {"atomic:operations": operations}
        else:
            document = {"data": data}
        asked(api, "POST", path if door == "job" else door, document, allowed=who.may(needed), what=(name, what))


@pytest.mark.parametrize("name", WHO)
def test_a_schedule_starts_nothing_that_its_maker_may_not(name: str, scene: Scene) -> None:
    who, api = enrol(name, scene), api_of(name)
    path = f"workspace/{scene.workspace.pk}/schedule"
    for what, (attributes, needed) in STARTS.items():
        given = {key: value for key, value in attributes.items() if key in {"templateReference", "tcl"}}
        if not given or given.keys() != attributes.keys():
            continue
        sent = {"cron": "0 0 21 ? * FRI", **scene.filled(given)}
        data = {"data": {"type": "schedule", "attributes": sent}}
        asked(api, "POST", path, data, allowed=who.may(f"{needed}, workspace"), what=(name, what))


@pytest.mark.parametrize("name", WHO)
def test_rights_are_shown_as_they_result(name: str, scene: Scene) -> None:
    who, api = enrol(name, scene), api_of(name)
    api.prefix = "/"
    where = f"access-token/v1/teams/permissions/organization/{scene.workspace.organization_id}"
    named = {
        "manageWorkspace": "workspace", "manageState": "state", "planJob": "plan", "approveJob": "approve",
        "manageJob": "job", "manageVcs": "vcs", "manageTemplate": "template", "manageCollection": "collection",
    }  # fmt: skip
    for path, counts in (
        (where, who.access is None and who.project is None),
        (f"{where}/workspace/{scene.workspace.pk}", True),
    ):
        response = api.get(path)
        assert (response.status_code == 202) is who.may("here"), (name, path)
        if response.status_code == 202:
            shown = json.loads(response.content)
            assert {key: shown[key] for key in named} == {
                key: who.may(right) and counts for key, right in named.items()
            }, (name, path)
