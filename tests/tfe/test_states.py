"""States that a terminal reads and writes."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from tests.api.client import Api, token_of
from tests.factories import TeamFactory
from tests.tfe.terminal import MIXED, Terminal, announcement, inline, state_of
from workspaces.models import Job, StateUpload, StateVersion, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def terminal(workspace: Workspace) -> Terminal:
    found = Terminal(Api(token_of("OWNERS", name="owner@example.com")), workspace)
    assert found.act("lock") == (200, "")
    return found


def put(address: str, content: bytes) -> int:
    parts = urlsplit(address)
    return Client().put(f"{parts.path}?{parts.query}", content, content_type="application/octet-stream").status_code


def download(terminal: Terminal, document: Any, name: str = "hosted-state-download-url") -> Any:
    path = urlsplit(document["data"]["attributes"][name]).path
    return terminal.api.call("GET", path.removeprefix("/remote/tfe/v2/"))


def test_a_workspace_without_a_state_has_none(terminal: Terminal) -> None:
    assert terminal.at("GET", "current-state-version")[0] == 404
    assert terminal.at("GET", "state-versions")[1]["data"] == []


def test_a_state_written_inline_is_read_as_it_was_written(terminal: Terminal) -> None:
    content = state_of(3, outputs=MIXED)
    status, made = terminal.at("POST", "state-versions", inline(content))
    assert status == 201
    assert made["data"]["attributes"]["status"] == "finalized"
    _status, current = terminal.at("GET", "current-state-version")
    assert current["data"]["id"] == made["data"]["id"]
    attributes = current["data"]["attributes"]
    assert (attributes["serial"], attributes["terraform-version"], attributes["state-version"]) == (3, "1.11.4", 4)
    assert attributes["resources"][0]["type"] == "terraform_data"
    response = download(terminal, current)
    assert response.content == content
    assert response["Cache-Control"] == "no-store"
    assert "hosted-json-state-download-url" not in attributes


def test_an_announced_state_is_uploaded_to_its_addresses(terminal: Terminal) -> None:
    content = state_of(1)
    status, made = terminal.at("POST", "state-versions", announcement(content))
    assert status == 201
    attributes = made["data"]["attributes"]
    assert attributes["status"] == "pending"
    assert terminal.at("GET", "current-state-version")[0] == 404
    assert terminal.act("unlock") == (422, "latest state version is still pending")
    assert put(attributes["hosted-json-state-upload-url"], b'{"values": {}}') == 200
    assert put(attributes["hosted-state-upload-url"], state_of(2)) == 422
    assert put(attributes["hosted-state-upload-url"].replace("/upload?", "/json-upload?"), content) == 404
    assert put(attributes["hosted-state-upload-url"], content) == 200
    # A client that lost the answer sends the same again.
    assert put(attributes["hosted-state-upload-url"], content) == 200
    assert put(attributes["hosted-state-upload-url"], state_of(2)) == 403
    status, found = terminal.call("GET", f"state-versions/{made['data']['id']}")
    assert (status, found["data"]["attributes"]["status"]) == (200, "finalized")
    assert download(terminal, found, "hosted-json-state-download-url").content == b'{"values": {}}'
    assert terminal.act("unlock") == (200, "")


def test_an_announced_state_is_uploaded_to_terrakubes_addresses(terminal: Terminal) -> None:
    content = state_of(1)
    _status, made = terminal.at("POST", "state-versions", announcement(content))
    key, attributes = made["data"]["id"], made["data"]["attributes"]
    raw, described = (
        f"/tfstate/v1/archive/{key}.{attributes[name].partition('token=')[2]}"
        for name in ("hosted-state-upload-url", "hosted-json-state-upload-url")
    )
    assert put(f"/tfstate/v1/archive/{key}.forged/terraform.tfstate", content) == 403
    assert put(f"/tfstate/v1/archive/{key}/terraform.tfstate", content) == 403
    assert put(f"{described}/terraform.tfstate", content) == 403, "each id is good for one of the two"
    assert put(f"{raw}/terraform.tfstate", state_of(2)) == 403, "another than was announced"
    assert terminal.at("GET", "current-state-version")[0] == 404
    assert put(f"{described}/terraform.json.tfstate", b'{"values": {}}') == 201
    assert put(f"{raw}/terraform.tfstate", content) == 201
    assert put(f"{raw}/terraform.tfstate", state_of(2)) == 403
    status, found = terminal.call("GET", f"state-versions/{key}")
    assert (status, found["data"]["attributes"]["status"]) == (200, "finalized")
    assert download(terminal, found).content == content
    assert Client().get(f"{raw}/terraform.tfstate").status_code == 405


def test_a_state_that_did_not_arrive_is_discarded_by_force(terminal: Terminal) -> None:
    _status, made = terminal.at("POST", "state-versions", announcement(state_of(1)))
    assert put(made["data"]["attributes"]["hosted-json-state-upload-url"], b'{"values": {}}') == 200
    assert terminal.act("force-unlock") == (200, "")
    assert StateUpload.objects.get().json is None
    assert put(made["data"]["attributes"]["hosted-state-upload-url"], state_of(1)) == 409
    found = terminal.call("GET", f"state-versions/{made['data']['id']}")[1]
    assert found["data"]["attributes"]["status"] == "discarded"
    assert terminal.at("GET", "current-state-version")[0] == 404


def test_a_state_is_written_under_the_callers_lock_alone(terminal: Terminal, workspace: Workspace) -> None:
    other = Terminal(Api(token_of("OWNERS", name="other@example.com")), workspace)
    assert other.at("POST", "state-versions", inline(state_of(1)))[0] == 409
    Job.objects.create(organization=workspace.organization, workspace=workspace, holds_workspace=True)
    assert terminal.at("POST", "state-versions", inline(state_of(1)))[0] == 409
    Job.objects.all().delete()
    assert terminal.act("unlock") == (200, "")
    assert terminal.at("POST", "state-versions", inline(state_of(1)))[0] == 409
    assert not StateVersion.objects.exists()


def test_serial_lineage_and_md5_are_held(terminal: Terminal) -> None:
    content = state_of(5)
    assert terminal.at("POST", "state-versions", inline(content))[0] == 201
    again = terminal.at("POST", "state-versions", inline(content))
    assert again[0] == 201
    for wrong in (inline(state_of(4)), inline(state_of(5, outputs=MIXED)), inline(state_of(6, lineage="another"))):
        assert terminal.at("POST", "state-versions", wrong)[0] == 409
    assert terminal.at("POST", "state-versions", inline(state_of(6), md5="0" * 32))[0] == 422
    assert terminal.at("POST", "state-versions", inline(state_of(6), serial=None))[0] == 422
    assert terminal.at("POST", "state-versions", announcement(state_of(4)))[0] == 409
    assert StateVersion.objects.count() == 1
    assert terminal.at("POST", "state-versions", inline(state_of(2, lineage="another"), force=True))[0] == 201
    assert terminal.at("GET", "current-state-version")[1]["data"]["attributes"]["serial"] == 2


def test_what_is_announced_need_not_stand_in_the_file(terminal: Terminal) -> None:
    assert terminal.at("POST", "state-versions", inline(state_of(9), serial=0, lineage=None))[0] == 201
    assert terminal.at("POST", "state-versions", inline(state_of(9), serial=1, lineage=None))[0] == 201
    assert [row["attributes"]["serial"] for row in terminal.at("GET", "state-versions")[1]["data"]] == [1, 0]


def test_versions_are_listed_newest_first_in_pages(terminal: Terminal) -> None:
    for serial in (1, 2, 3):
        terminal.at("POST", "state-versions", inline(state_of(serial)))
    filters = "filter%5Borganization%5D%5Bname%5D=net&filter%5Bworkspace%5D%5Bname%5D=core"
    _status, found = terminal.call("GET", f"state-versions?{filters}&page%5Bsize%5D=2")
    assert [row["attributes"]["serial"] for row in found["data"]] == [3, 2]
    assert found["meta"]["pagination"]["total-count"] == 3
    assert terminal.call("GET", "state-versions")[0] == 422
    assert terminal.call("GET", f"state-versions?{filters}&filter%5Bstatus%5D=pending")[1]["data"] == []


def test_a_rolled_back_state_has_a_new_serial_in_the_file_too(terminal: Terminal) -> None:
    first = terminal.at("POST", "state-versions", inline(state_of(1, outputs=MIXED)))[1]
    terminal.at("POST", "state-versions", inline(state_of(2)))
    wanted = {"data": {"type": "state-versions", "id": first["data"]["id"]}}
    sent = {"data": {"type": "state-versions", "relationships": {"rollback-state-version": wanted}}}
    status, made = terminal.at("PATCH", "state-versions", sent)
    assert (status, made["data"]["attributes"]["serial"]) == (201, 3)
    content = json.loads(download(terminal, made).content)
    assert (content["serial"], set(content["outputs"])) == (3, set(MIXED))


def test_a_state_that_is_none_is_refused(terminal: Terminal) -> None:
    sent = inline(state_of(1))
    sent["data"]["attributes"]["state"] = "e30="
    assert terminal.at("POST", "state-versions", sent)[0] == 422
    sent["data"]["attributes"]["state"] = "no base64"
    assert terminal.at("POST", "state-versions", sent)[0] == 422
    assert terminal.call("GET", "state-versions/nonexisting")[0] == 404


def test_who_may_only_plan_begins_without_a_state_where_the_site_runs(terminal: Terminal, workspace: Workspace) -> None:
    terminal.at("POST", "state-versions", inline(state_of(1)))
    TeamFactory.create(organization=workspace.organization, name="PLANNERS", plan_job=True)
    planner = Terminal(Api(token_of("PLANNERS")), workspace)
    assert planner.at("GET", "current-state-version")[0] == 404
    assert planner.at("GET", "state-versions")[0] == 403
    Workspace.objects.update(execution_mode="local")
    # None would be a plan that creates everything again.
    assert planner.at("GET", "current-state-version")[0] == 403
    assert terminal.at("GET", "current-state-version")[0] == 200


def test_a_version_says_that_it_came_from_a_terminal(terminal: Terminal) -> None:
    terminal.at("POST", "state-versions", inline(state_of(1)))
    version = StateVersion.objects.get()
    assert (version.origin, version.resource_count) == ("terminal", 1)
