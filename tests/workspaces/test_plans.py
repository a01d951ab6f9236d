"""What a plan says of itself, read for people: what changes, and nothing that is sensitive."""

from __future__ import annotations

import json
from typing import Any

import pytest

from workspaces.jobs.plans import MASKED, UNKNOWN, Action, Attribute, read_outputs, read_plan

SECRET = "s3cr3t"


def plan_of(**change: Any) -> bytes:
    return json.dumps(
        {"resource_changes": [{"address": "thing.one", "change": {"actions": ["update"], **change}}]}
    ).encode()


def attributes(**change: Any) -> tuple[Attribute, ...]:
    plan = read_plan(plan_of(**change))
    assert plan is not None
    return plan.changes[0].attributes


def test_changes_are_counted_as_terraform_counts_them() -> None:
    actions = [["create"], ["update"], ["delete"], ["delete", "create"], ["create", "delete"], ["read"], ["no-op"]]
    rows = [{"address": f"thing.n{n}", "change": {"actions": names}} for n, names in enumerate(actions)]
    plan = read_plan(json.dumps({"resource_changes": rows}).encode())
    assert plan is not None
    assert (plan.to_add, plan.to_change, plan.to_destroy) == (3, 1, 3)
    assert [change.action for change in plan.changes] == [
        Action.DELETE, Action.REPLACE, Action.REPLACE, Action.UPDATE, Action.CREATE, Action.READ,
    ]  # fmt: skip


@pytest.mark.parametrize("names", [["forget", "create"], ["create", "forget"]])
def test_what_is_forgotten_and_made_again_counts_as_both(names: list[str]) -> None:
    plan = read_plan(plan_of(actions=names, before={"v": "1"}, after={"v": "2"}))
    assert plan is not None
    assert (plan.to_add, plan.to_change, plan.to_destroy, plan.to_forget) == (1, 0, 0, 1)
    assert [change.action for change in plan.changes] == [Action.FORGET_AND_CREATE]


def test_only_what_differs_is_shown_down_to_its_leaf() -> None:
    found = attributes(
        before={"name": "a", "same": 1, "tags": {"x": "1", "y": "2"}, "list": [1, 2]},
        after={"name": "b", "same": 1, "tags": {"x": "1", "y": "3"}, "list": [1, 2, 4]},
    )
    assert found == (
        Attribute("name", "a", "b"),
        Attribute("tags.y", "2", "3"),
        Attribute("list[2]", None, "4"),
    )


def test_what_is_known_only_after_apply_is_said_so() -> None:
    assert attributes(before={"id": "1"}, after={}, after_unknown={"id": True}) == (Attribute("id", "1", UNKNOWN),)


@pytest.mark.parametrize(
    "marks",
    [
        {"before_sensitive": {"token": True}, "after_sensitive": {"token": True}},
        {"before_sensitive": {"token": True}, "after_sensitive": {}},
        {"before_sensitive": {}, "after_sensitive": {"token": True}},
        {"before_sensitive": True, "after_sensitive": True},
    ],
)
def test_a_sensitive_value_is_masked_on_each_side_that_is_marked(marks: dict[str, Any]) -> None:
    found = attributes(before={"token": f"{SECRET}-old"}, after={"token": f"{SECRET}-new"}, **marks)
    assert found
    for row in found:
        assert (row.before == MASKED) is bool(marks["before_sensitive"])
        assert (row.after == MASKED) is bool(marks["after_sensitive"])


def test_a_mark_on_a_whole_value_hides_all_that_is_in_it() -> None:
    found = attributes(
        before=None,
        after={"settings": {"a": [SECRET]}, "block": [{"password": SECRET, "name": "shown"}]},
        after_sensitive={"settings": True, "block": [{"password": True}]},
    )
    assert SECRET not in repr(found)
    assert Attribute("block[0].name", None, "shown") in found
    assert Attribute("settings", None, MASKED) in found


def test_a_value_that_changes_its_kind_is_masked_when_anything_in_it_is_marked() -> None:
    found = attributes(before={"v": "plain"}, after={"v": {"k": SECRET}}, after_sensitive={"v": {"k": True}})
    assert found == (Attribute("v", "plain", MASKED),)


def test_a_change_of_what_is_hidden_is_seen_without_its_values() -> None:
    both = {"before_sensitive": {"t": True}, "after_sensitive": {"t": True}}
    assert attributes(before={"t": "x"}, after={"t": "y"}, **both) == (Attribute("t", MASKED, MASKED),)


def test_what_forces_a_replacement_is_marked() -> None:
    found = attributes(
        before={"a": "1", "ab": "1"}, after={"a": "2", "ab": "2"}, replace_paths=[["a"]], actions=["delete", "create"]
    )
    assert {row.path: row.forces_replacement for row in found} == {"a": True, "ab": False}


def test_outputs_of_a_plan_and_of_a_state_are_masked() -> None:
    change = {
        "actions": ["create"],
        "before": None,
        "after": SECRET,
        "after_sensitive": True,
        "before_sensitive": False,
    }
    plan = read_plan(json.dumps({"output_changes": {"password": change}}).encode())
    assert plan is not None
    assert plan.outputs == (Attribute("password", None, MASKED),)
    outputs = {
        "a": {"value": [1, "x"], "type": ["list", "string"], "sensitive": False},
        "b": {"value": SECRET, "sensitive": True},
    }
    found = read_outputs(json.dumps({"values": {"outputs": outputs}}).encode())
    assert found is not None
    assert [(row.name, row.value) for row in found] == [("a", '[1, "x"]'), ("b", MASKED)]


@pytest.mark.parametrize(
    "content", [b"", b"no json", b"[]", b'{"resource_changes": [1]}', b'{"resource_changes": [{}]}']
)
def test_what_is_no_plan_is_none(content: bytes) -> None:
    assert read_plan(content) is None


def test_two_long_values_are_cut_where_they_differ() -> None:
    (row,) = attributes(
        before={"a": "x" * 5000 + "keep" + "z" * 5000}, after={"a": "x" * 5000 + "destroy" + "z" * 5000}
    )
    assert row.before is not None
    assert row.after is not None
    assert "xkeepz" in row.before
    assert "xdestroyz" in row.after
    assert max(len(row.before), len(row.after)) <= 400
    (row,) = attributes(before={"a": "x" * 300}, after={"a": "x" * 5000})
    assert row.before != row.after


def test_a_number_and_its_text_differ() -> None:
    assert attributes(before={"a": 1}, after={"a": "1"}) == (Attribute("a", "1", '"1"'),)


def test_a_long_value_is_cut() -> None:
    (row,) = attributes(before={"a": "x"}, after={"a": "y" * 5000})
    assert row.after is not None
    assert len(row.after) < 500
