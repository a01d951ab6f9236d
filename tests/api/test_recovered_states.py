"""States that the site refused, over REST: who sees, fetches and decides."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.client import Api, detail, token_of
from tests.factories import TeamFactory, WorkspaceFactory
from workspaces.models import RecoveredState, StateVersion, Workspace
from workspaces.services.recovered_states import keep_recovered_state

pytestmark = pytest.mark.django_db


def state(serial: int, **members: Any) -> bytes:
    return json.dumps({"version": 4, "serial": serial, "lineage": "l-1", "outputs": {}, **members}).encode()


@pytest.fixture
def workspace() -> Workspace:
    made = WorkspaceFactory.create()
    TeamFactory.create(organization=made.organization, name="READERS", manage_workspace=True, plan_job=True)
    TeamFactory.create(organization=made.organization, name="KEEPERS", manage_state=True)
    StateVersion.objects.create(
        workspace=made, number=1, serial=7, lineage="l-1", md5="x", content=state(7), created_by="ann"
    )
    return made


@pytest.fixture
def recovered(workspace: Workspace) -> RecoveredState:
    kept = keep_recovered_state(workspace, state(5, outputs={"s": {"value": "hunter2"}}), job=None, why="It is older")
    assert kept is not None
    return kept


@pytest.fixture
def path(workspace: Workspace) -> str:
    return f"organization/{workspace.organization_id}/workspace/{workspace.pk}/recoveredState"


@pytest.fixture
def reader() -> Api:
    return Api(token_of("READERS"))


@pytest.fixture
def keeper() -> Api:
    return Api(token_of("KEEPERS"))


def test_members_see_that_there_is_one_and_why(recovered: RecoveredState, path: str, reader: Api) -> None:
    (row,) = reader.read(path)["data"]
    assert (row["type"], row["id"]) == ("recovered_state", str(recovered.pk))
    attributes = row["attributes"]
    assert (attributes["serial"], attributes["lineage"], attributes["size"]) == (5, "l-1", recovered.size)
    assert (attributes["status"], attributes["why"], attributes["jobReference"]) == ("recovered", "It is older", None)
    assert "hunter2" not in json.dumps(reader.read(path))


def test_who_manages_the_state_fetches_it(recovered: RecoveredState, path: str, reader: Api, keeper: Api) -> None:
    address = keeper.read(f"{path}/{recovered.pk}")["data"]["attributes"]["output"]
    path_of_it = "/" + address.split("/", 3)[3]
    fetched = Api(keeper.token, prefix="").get(path_of_it)
    assert fetched.status_code == 200
    assert fetched.content == bytes(recovered.content)
    assert Api(reader.token, prefix="").get(path_of_it).status_code == 403
    assert Api(token_of("OTHERS"), prefix="").get(path_of_it).status_code == 404
    assert Api("", prefix="").get(path_of_it).status_code == 401


def test_who_manages_the_state_makes_it_current(
    recovered: RecoveredState, workspace: Workspace, path: str, reader: Api, keeper: Api
) -> None:
    one = f"{path}/{recovered.pk}"
    answer = {"status": "current", "reason": "It is what the apply left"}
    assert reader.patch(one, "recovered_state", answer).status_code == 403
    without = keeper.patch(one, "recovered_state", {"status": "current"})
    assert (without.status_code, detail(without)) == (400, "Give a reason. It is kept in the history of the workspace.")
    assert keeper.patch(one, "recovered_state", {"status": "recovered", "reason": "x"}).status_code == 400
    assert keeper.patch(one, "recovered_state", {"serial": 9, "reason": "x"}).status_code == 400
    assert workspace.state_versions.count() == 1
    assert keeper.patch(one, "recovered_state", answer).status_code == 204
    newest = workspace.state_versions.order_by("-number").first()
    assert newest is not None
    assert (newest.number, newest.serial, newest.lineage) == (2, 8, "l-1")
    assert keeper.read(path)["data"] == []
    assert keeper.get(one).status_code == 404


def test_who_manages_the_state_discards_it(recovered: RecoveredState, path: str, keeper: Api) -> None:
    one = f"{path}/{recovered.pk}"
    assert (
        keeper.patch(one, "recovered_state", {"status": "discarded", "reason": "nothing was made"}).status_code == 204
    )
    assert keeper.read(path)["data"] == []


def test_nobody_makes_or_deletes_one_over_rest(recovered: RecoveredState, path: str, keeper: Api) -> None:
    assert keeper.post(path, "recovered_state", {"why": "mine"}).status_code in (403, 405)
    assert keeper.delete(f"{path}/{recovered.pk}").status_code in (403, 405)
    assert RecoveredState.objects.count() == 1
