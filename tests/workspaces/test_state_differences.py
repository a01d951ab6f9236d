"""What a state says of itself, and how two of them differ: never a sensitive value, nor a copy of one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from workspaces.jobs.plans import MASKED, Attribute
from workspaces.states.content import StateContent, read_content
from workspaces.states.difference import AT_MOST, Kind, difference
from workspaces.states.secrets import MOST

SECRET = "hunter2-s3cr3t"
PROVIDER = 'provider["registry.terraform.io/hashicorp/random"].west'


def instance(attributes: dict[str, Any], *sensitive: str, **more: Any) -> dict[str, Any]:
    paths = [[{"type": "get_attr", "value": name} for name in path.split(".")] for path in sensitive]
    return {"attributes": attributes, "sensitive_attributes": paths, **more}


def resource(name: str, *instances: dict[str, Any], module: str = "", mode: str = "managed") -> dict[str, Any]:
    found = {"mode": mode, "type": "thing", "name": name, "provider": PROVIDER, "instances": list(instances)}
    return found | ({"module": module} if module else {})


def content(*resources: dict[str, Any], outputs: Any = None, marks: dict[str, Any] | None = None) -> StateContent:
    """A state, with the ``show -json`` output in which ``marks`` are the sensitive values by address, if given."""
    state = {"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "a"}
    raw = json.dumps(state | {"outputs": outputs or {}, "resources": list(resources)}).encode()
    described = None
    if marks is not None:
        rows = [
            {"address": f"thing.{row['name']}", "values": one["attributes"], "sensitive_values": marks}
            for row in resources
            for one in row["instances"]
        ]
        described = json.dumps({"values": {"root_module": {"child_modules": [{"resources": rows}]}}}).encode()
    found = read_content(raw, described)
    assert found is not None
    return found


def test_resources_are_listed_by_module_and_type_with_their_instances() -> None:
    found = content(
        resource("b", instance({}, index_key="x"), instance({}, index_key="y"), module="module.net"),
        resource("a", instance({})),
        resource("looked_up", instance({}), mode="data"),
    )
    rows = [(row.module, row.address, row.instances, row.managed) for row in found.resources]
    assert rows == [
        ("", "data.thing.looked_up", 1, False),
        ("", "thing.a", 1, True),
        ("module.net", "module.net.thing.b", 2, True),
    ]
    assert found.resources[0].provider == "registry.terraform.io/hashicorp/random"
    assert list(found.instances)[:2] == ['module.net.thing.b["x"]', 'module.net.thing.b["y"]']


def test_outputs_are_masked_if_they_are_or_copy_a_sensitive_value() -> None:
    found = content(
        outputs={
            "password": {"value": SECRET, "type": "string", "sensitive": True},
            "address": {"value": f"db://root:{SECRET}@host", "type": "string"},
            "shape": {"value": {"a": 1}, "type": ["object", {"a": "number"}]},
        }
    )
    assert [(row.name, row.value, row.type) for row in found.outputs] == [
        ("address", MASKED, "string"),
        ("password", MASKED, "string"),
        ("shape", '{"a": 1}', "object"),
    ]


def test_resources_that_came_went_and_changed_are_told_apart() -> None:
    before = content(resource("gone", instance({})), resource("same", instance({"a": 1})), marks={})
    after = content(resource("same", instance({"a": 2})), resource("new", instance({})), marks={})
    found = difference(before, after)
    assert [(row.kind, row.address) for row in found.resources] == [
        (Kind.REMOVED, "thing.gone"),
        (Kind.ADDED, "thing.new"),
        (Kind.CHANGED, "thing.same"),
    ]
    assert found.resources[2].attributes == (Attribute("a", "1", "2"),)
    assert found.counts == ((Kind.REMOVED, 1), (Kind.ADDED, 1), (Kind.CHANGED, 1))
    assert difference(after, after).resources == ()


@pytest.mark.parametrize("by", ["schema", "state"])
def test_a_sensitive_value_is_only_said_to_have_changed(by: str) -> None:
    marks = {"password": True} if by == "schema" else {}
    paths = [] if by == "schema" else ["password"]
    values = [{"password": f"{SECRET}-{n}", "copy": [f"it is {SECRET}-{n}"], "size": n} for n in (1, 2)]
    before, after = (content(resource("a", instance(one, *paths)), marks=marks) for one in values)
    found = difference(before, after)
    assert found.with_values
    assert found.resources[0].attributes == (
        Attribute("password", MASKED, MASKED),
        Attribute("copy[0]", MASKED, MASKED),
        Attribute("size", "1", "2"),
    )
    assert SECRET not in repr(found)


def test_without_marks_of_the_schema_no_value_is_shown() -> None:
    before, after = (content(resource("a", instance({"result": f"{SECRET}{n}", "n": {SECRET: n}}))) for n in (1, 2))
    described = content(resource("a", instance({"result": f"{SECRET}2", "n": {SECRET: 2}})), marks={})
    for one in (after, described):
        found = difference(before, one)
        assert not found.with_values
        assert found.resources[0].attributes == (Attribute("n", MASKED, MASKED), Attribute("result", MASKED, MASKED))
        assert SECRET not in repr(found)


def test_outputs_are_compared_and_a_sensitive_one_stays_hidden() -> None:
    def outputs(n: int, *, sensitive: bool) -> dict[str, Any]:
        return {
            "password": {"value": f"{SECRET}{n}", "type": "string", "sensitive": sensitive},
            "tags": {"value": {"env": f"e{n}", "team": "net"}, "type": ["map", "string"]},
            f"only{n}": {"value": n, "type": "number"},
        }

    # What was sensitive once stays hidden, and the other way round.
    for once in (True, False):
        before = content(outputs=outputs(1, sensitive=once))
        after = content(outputs=outputs(2, sensitive=not once))
        assert difference(before, after).outputs == (
            Attribute("only1", "1", None),
            Attribute("only2", None, "2"),
            Attribute("password", MASKED, MASKED),
            Attribute("tags.env", "e1", "e2"),
        )


def test_with_too_many_sensitive_values_none_is_shown() -> None:
    def state(n: int) -> StateContent:
        outputs = {f"o{n}": {"value": f"{SECRET}{n}", "sensitive": True} for n in range(MOST + 1)}
        plain = {"plain": {"value": f"plain{n}"}}
        return content(resource("a", instance({"size": n})), outputs=outputs | plain, marks={})

    found = difference(state(1), state(2))
    assert not found.with_values
    assert found.resources[0].attributes == (Attribute("size", MASKED, MASKED),)
    assert found.outputs == (Attribute("plain", MASKED, MASKED),)


def test_a_long_list_is_cut_and_counted() -> None:
    many = [resource(f"r{n}", instance({})) for n in range(AT_MOST + 5)]
    found = difference(content(), content(*many))
    assert (len(found.resources), found.more, found.counts) == (AT_MOST, 5, ((Kind.ADDED, AT_MOST + 5),))


def test_an_encrypted_state_and_one_that_is_none_show_nothing() -> None:
    found = read_content(b'{"serial": 1, "lineage": "a", "encrypted_data": "x"}')
    assert found is not None
    assert found.encrypted
    for wrong in (b"", b"[]", b'{"resources": 1}', b'{"resources": [{"mode": "managed"}]}', b"[" * 100_000):
        assert read_content(wrong) is None
