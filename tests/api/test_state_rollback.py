"""Terrakube's address that makes an earlier state current again."""

from __future__ import annotations

import json

import pytest
from auditlog.models import LogEntry

from tests.api.client import Api, token_of
from tests.factories import TeamFactory, WorkspaceFactory
from workspaces.models import Job, StateVersion, Workspace
from workspaces.services.state import add_state_version

pytestmark = pytest.mark.django_db
MISSING = "00000000-0000-0000-0000-000000000000"


def content(serial: int) -> bytes:
    return json.dumps({"version": 4, "serial": serial, "lineage": "a1", "outputs": {}, "resources": []}).encode()


@pytest.fixture
def first(workspace: Workspace) -> StateVersion:
    """The first of two versions."""
    TeamFactory.create(organization=workspace.organization, name="STATES", manage_state=True)
    found = add_state_version(workspace, content(1), None, json=b'{"values": {}}')
    add_state_version(workspace, content(2), found)
    return found


def address(version: StateVersion, key: object = "", workspace: Workspace | None = None) -> str:
    of = workspace or version.workspace
    return f"/tfstate/v1/organization/{of.organization_id}/workspace/{of.pk}/rollback/{key or version.pk}.json"


def states() -> Api:
    return Api(token_of("STATES", name="keeper@example.com"), prefix="")


def test_a_rollback_answers_as_terrakube_does(first: StateVersion, workspace: Workspace) -> None:
    response = states().call("PUT", address(first))
    assert (response.status_code, response.content) == (201, b"Rollback successful")
    newest = workspace.state_versions.first()
    assert newest is not None
    assert (newest.number, newest.serial, newest.copied_number, newest.reason) == (3, 3, 1, "")
    assert json.loads(newest.content)["serial"] == 3
    assert newest.json == first.json
    output = f"/tfstate/v1/organization/{workspace.organization_id}/workspace/{workspace.pk}/state/{newest.pk}.json"
    assert states().get(output).content == first.json


def test_the_history_keeps_the_reason(first: StateVersion, workspace: Workspace) -> None:
    assert states().call("PUT", address(first), {"reason": "The apply was wrong"}).status_code == 201
    assert workspace.state_versions.latest("number").reason == "The apply was wrong"
    entry = LogEntry.objects.get_for_object(workspace).latest("pk")
    assert entry.changes["state"][1] == "rolled back to version 1: The apply was wrong"
    for wrong in ({"reason": "x" * 513}, {"reason": 1}, ["x"]):
        assert states().call("PUT", address(first), wrong).status_code == 400
    assert workspace.state_versions.count() == 3


def test_it_is_refused_for_what_is_not_there(first: StateVersion, workspace: Workspace) -> None:
    other = WorkspaceFactory.create(organization=workspace.organization, name="other")
    for path in (address(first, MISSING), address(first, workspace=other)):
        response = states().call("PUT", path)
        assert (response.status_code, b"JSON state not found" in response.content) == (404, True)
    StateVersion.objects.filter(pk=first.pk).update(content=None)
    assert b"Raw Terraform state not found" in states().call("PUT", address(first)).content
    assert workspace.state_versions.count() == 2


def test_it_takes_the_right_and_a_workspace_at_rest(first: StateVersion, workspace: Workspace) -> None:
    TeamFactory.create(organization=workspace.organization, name="PLANNERS", plan_job=True, manage_workspace=True)
    assert Api(token_of("PLANNERS"), prefix="").call("PUT", address(first)).status_code == 403
    assert Api(prefix="").call("PUT", address(first)).status_code == 401
    newest = workspace.state_versions.latest("number")
    assert states().call("PUT", address(newest)).status_code == 409
    job = Job.objects.create(organization=workspace.organization, workspace=workspace, holds_workspace=True)
    response = states().call("PUT", address(first))
    assert (response.status_code, f"Job {job.pk} of".encode() in response.content) == (409, True)
    job.delete()
    Workspace.objects.filter(pk=workspace.pk).update(locked=True, lock_description="audit", locked_by_name="ann")
    assert b"is locked: audit" in states().call("PUT", address(first)).content
    assert workspace.state_versions.count() == 2
