"""Outputs of a state."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.client import Api, token_of
from tests.tfe.terminal import MIXED, Terminal, inline, state_of
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def terminal(workspace: Workspace) -> Terminal:
    found = Terminal(Api(token_of("OWNERS", name="owner@example.com")), workspace)
    found.act("lock")
    assert found.at("POST", "state-versions", inline(state_of(1, outputs=MIXED)))[0] == 201
    return found


def by_name(found: Any) -> dict[str, Any]:
    return {row["attributes"]["name"]: row for row in found["data"]}


def test_outputs_have_their_types_and_no_sensitive_value(terminal: Terminal) -> None:
    _status, found = terminal.at("GET", "current-state-version-outputs")
    rows = by_name(found)
    assert {name: row["attributes"]["type"] for name, row in rows.items()} == {
        "bare": "string", "hidden": "string", "many": "array", "shape": "object", "yes": "bool"
    }  # fmt: skip
    assert rows["many"]["attributes"]["detailed-type"] == ["list", "string"]
    assert rows["shape"]["attributes"]["value"] == {"a": 1}
    assert rows["hidden"]["attributes"]["value"] is None


def test_a_single_read_gives_the_value_by_the_same_id(terminal: Terminal) -> None:
    current = terminal.at("GET", "current-state-version?include=outputs")[1]
    listed = by_name(terminal.call("GET", f"state-versions/{current['data']['id']}/outputs")[1])
    included = {row["id"] for row in current["included"]}
    assert included == {row["id"] for row in listed.values()}
    status, found = terminal.call("GET", f"state-version-outputs/{listed['hidden']['id']}")
    assert (status, found["data"]["attributes"]["value"]) == (200, "value-of-hidden")
    assert terminal.call("GET", "state-version-outputs/wsout-J2zM24JPAAAAAAAA")[0] == 404


def test_a_workspace_without_a_state_has_no_outputs(terminal: Terminal, workspace: Workspace) -> None:
    workspace.state_versions.all().delete()
    status, found = terminal.at("GET", "current-state-version-outputs")
    assert (status, found["data"]) == (200, [])
