"""What a plan of terraform or tofu says of drift; the plans in ``plans`` are those of the tools themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workspaces.jobs.drift_findings import Deed, DriftedResource, Findings, read_findings, stored_resources

PLANS = Path(__file__).parent / "plans"
TOOLS = ("terraform", "tofu")


def plan_of(tool: str, kind: str = "drifted") -> bytes:
    """Return the ``show -json`` of a plan, made after a resource had vanished and a variable had another value."""
    return (PLANS / f"{tool}-{kind}.json").read_bytes()


def changed_plan(actions: list[str], planned: list[str]) -> bytes:
    """A real plan in which another thing happened to the drifted resource, and another one is planned for it."""
    plan = json.loads(plan_of("terraform"))
    plan["resource_drift"][0]["change"]["actions"] = actions
    for row in plan["resource_changes"]:
        if row["address"] == plan["resource_drift"][0]["address"]:
            row["change"]["actions"] = planned
    return json.dumps(plan).encode()


@pytest.mark.parametrize("tool", TOOLS)
def test_what_vanished_is_drift_and_what_the_configuration_changes_waits(tool: str) -> None:
    found = read_findings(plan_of(tool))
    assert found == Findings(resources=(DriftedResource('time_rotating.key["a"]', Deed.DELETED),), pending_changes=1)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_change_of_the_configuration_alone_is_no_drift(tool: str) -> None:
    found = read_findings(plan_of(tool, "pending"))
    assert found == Findings(pending_changes=1)
    assert found.fingerprint == ""


@pytest.mark.parametrize("tool", TOOLS)
def test_no_value_is_kept(tool: str) -> None:
    content = plan_of(tool)
    assert b"very-secret" in content, "the plan holds what may not be kept"
    found = read_findings(content)
    assert found is not None
    assert [row.as_json() for row in found.resources] == [{"address": 'time_rotating.key["a"]', "action": "deleted"}]
    assert stored_resources(row.as_json() for row in found.resources) == list(found.resources)


@pytest.mark.parametrize(("actions", "planned"), [(["update"], ["update"]), (["update"], ["delete", "create"])])
def test_a_resource_that_an_apply_would_change_back_is_changed(actions: list[str], planned: list[str]) -> None:
    found = read_findings(changed_plan(actions, planned))
    assert found is not None
    assert [row.deed for row in found.resources] == [Deed.CHANGED]


def test_what_the_configuration_leaves_alone_is_no_drift() -> None:
    assert read_findings(changed_plan(["update"], ["no-op"])) == Findings(pending_changes=1)


def test_the_fingerprint_is_of_what_drifted_and_not_of_what_waits() -> None:
    whole, other = read_findings(plan_of("terraform")), read_findings(changed_plan(["update"], ["update"]))
    assert whole is not None
    assert other is not None
    assert whole.fingerprint == Findings(resources=whole.resources, pending_changes=7).fingerprint
    assert whole.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"values": {}}', b'{"format_version": "1.2", "errored": true}']
)
def test_what_is_no_whole_plan_says_nothing(content: bytes) -> None:
    assert read_findings(content) is None


def test_an_address_is_safe_to_show() -> None:
    plan: dict[str, Any] = json.loads(plan_of("terraform"))
    for part in ("resource_drift", "resource_changes"):
        for row in plan[part]:
            row["address"] = row["address"].replace('"a"', '"\u202e"')
    found = read_findings(json.dumps(plan).encode())
    assert found is not None
    assert "\u202e" not in found.resources[0].address
