"""Whatever check a sensitive value fails, and by whichever request, no answer, history or log line holds any of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.client import Api, detail
from tests.factories import CollectionFactory, GlobalVariableFactory, ItemFactory, VariableFactory
from tests.support.secrets import SECRET, WRONG, Logged, all_logged, found_in, written
from workspaces.choices import Category
from workspaces.models import GlobalVariable, Item, Organization, PolicyRule, Variable, Workspace
from workspaces.pods import SETTINGS

pytestmark = pytest.mark.once

NAMES = [*SETTINGS, "EPHEMERAL_CPU_LIMITS", "EPHEMERAL_", "TF_CLI_ARGS_plan", "TF_WORKSPACE"]
KINDS = ("variable", "globalvar", "item")


@pytest.fixture
def logged() -> Iterator[Logged]:
    with all_logged() as handler:
        yield handler


class Door:
    """The records of one kind: where they are, and how one with a secret comes there."""

    def __init__(self, kind: str, workspace: Workspace) -> None:
        self.kind = kind
        organization = workspace.organization
        collection = CollectionFactory.create(organization=organization)
        self.collection = {
            "variable": f"workspace/{workspace.pk}/variable",
            "globalvar": f"organization/{organization.pk}/globalvar",
            "item": f"organization/{organization.pk}/collection/{collection.pk}/item",
        }[kind]
        self._make: Any = {
            "variable": lambda **given: VariableFactory.create(workspace=workspace, **given),
            "globalvar": lambda **given: GlobalVariableFactory.create(organization=organization, **given),
            "item": lambda **given: ItemFactory.create(collection=collection, **given),
        }[kind]

    def plant(self, text: str, **given: Any) -> Variable | GlobalVariable | Item:
        made: Variable | GlobalVariable | Item = self._make(
            **{"key": "password", "value": text, "sensitive": True, "category": Category.TERRAFORM, **given}
        )
        return made


@pytest.fixture(params=KINDS)
def door(request: pytest.FixtureRequest, workspace: Workspace) -> Door:
    return Door(request.param, workspace)


def _attempts(admin: Api, door: Door, record: Any, name: str, text: str) -> Iterator[Any]:
    """The requests by which a stored or a new secret comes under a name, one after the other."""
    path, renamed = f"{door.collection}/{record.pk}", {"key": name, "category": "ENV"}
    new = {**_ALL, "value": text, **renamed, "sensitive": True}
    yield admin.patch(path, door.kind, renamed)
    yield admin.post(door.collection, door.kind, new)
    if text != SECRET:
        return
    yield admin.patch(path, door.kind, {**renamed, "value": text})
    yield _operation(admin, "update", door, renamed, str(record.pk))
    yield _operation(admin, "add", door, new)
    if door.kind != "globalvar":
        yield admin.patch(path, door.kind, {**renamed, "sensitive": False})
        yield admin.patch(path, door.kind, {**renamed, "sensitive": True, "value": text, "hcl": True})


@pytest.mark.parametrize("text", WRONG)
def test_no_answer_to_a_change_holds_the_value(text: str, door: Door, admin: Api, logged: Logged) -> None:
    record = door.plant(text)
    refused = 0
    for name in NAMES:
        for answer in _attempts(admin, door, record, name, text):
            assert not found_in(answer.content.decode(), text), (name, answer.content)
            assert answer.status_code < 500
            refused += answer.status_code >= 400
            if answer.status_code < 400:
                type(record).objects.exclude(pk=record.pk).delete()
                type(record).objects.filter(pk=record.pk).update(key="password", category=Category.TERRAFORM, hcl=False)
    assert refused > 20
    for said in (*logged.lines, written()):
        assert not found_in(said, text)
    assert logged.lines


def test_a_category_does_not_tell_the_value(door: Door, admin: Api) -> None:
    """The key is there before, and only what the value is for is changed."""
    for setting in SETTINGS:
        record = door.plant(SECRET, key=setting)
        answer = admin.patch(f"{door.collection}/{record.pk}", door.kind, {"category": "ENV"})
        assert not found_in(answer.content.decode(), SECRET)
        record.delete()


_ALL = {"description": "", "hcl": False}


def _operation(caller: Api, verb: str, door: Door, attributes: dict[str, Any], key: str | None = None) -> Any:
    data = {"type": door.kind, "attributes": attributes} | ({"id": key} if key else {})
    return caller.call(
        "POST", "operations", {"atomic:operations": [{"op": verb, "href": f"/{door.collection}", "data": data}]}
    )


@pytest.mark.parametrize(
    "text", [f'["{SECRET}", ]x', f'{{ a = "{SECRET}" ', f"<<EOT\n{SECRET}", f"${{{SECRET}", f'"{SECRET}\n"']
)
def test_no_fault_of_an_expression_holds_the_value(text: str, door: Door, admin: Api) -> None:
    record = door.plant(text)
    answers = [admin.patch(f"{door.collection}/{record.pk}", door.kind, {"hcl": True})]
    new = {**_ALL, "key": "other", "value": text, "category": "TERRAFORM", "hcl": True, "sensitive": True}
    answers.append(admin.post(door.collection, door.kind, new))
    for answer in answers:
        assert answer.status_code == 400
        assert not found_in(answer.content.decode(), SECRET)


def test_what_is_wrong_with_a_value_is_still_said(door: Door, admin: Api) -> None:
    record = door.plant(SECRET)
    answer = admin.patch(f"{door.collection}/{record.pk}", door.kind, {"key": "EPHEMERAL_CPU_LIMIT", "category": "ENV"})
    assert answer.status_code == 400
    assert "EPHEMERAL_CPU_LIMIT: its value has the wrong format. The format is " in detail(answer)
    plain = door.plant(SECRET, key="plain", sensitive=False)
    answer = admin.patch(f"{door.collection}/{plain.pk}", door.kind, {"key": "EPHEMERAL_CPU_LIMIT", "category": "ENV"})
    assert f'"{SECRET}" must be a Kubernetes quantity' in detail(answer)


@pytest.mark.parametrize(
    "rule",
    [
        {"maximum": "1"},
        {"minimum": "4"},
        {"refused": "3200m"},
        {"allowed": "1\n2"},
        {"effect": "locked", "value": "1"},
        {"effect": "forbidden"},
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_no_refusal_of_a_policy_holds_the_value(
    kind: str, rule: dict[str, str], workspace: Workspace, organization: Organization, admin: Api
) -> None:
    door = Door(kind, workspace)
    record = door.plant("3200m")
    PolicyRule.objects.create(organization=organization, setting="EPHEMERAL_CPU_LIMIT", **rule)
    answer = admin.patch(f"{door.collection}/{record.pk}", door.kind, {"key": "EPHEMERAL_CPU_LIMIT", "category": "ENV"})
    assert answer.status_code == 400
    assert re.search("(^|: )EPHEMERAL_CPU_LIMIT(: | is (locked|forbidden) )", detail(answer))
    assert "3200" not in answer.content.decode()


@pytest.mark.parametrize("sent", [[SECRET], {"text": SECRET}, SECRET + "\0", SECRET + "\ud800"])
@pytest.mark.parametrize(
    "where", ["variable.value", "globalvar.value", "item.value", "vcs.clientSecret", "ssh.privateKey"]
)
def test_a_secret_of_the_wrong_type_is_not_quoted(
    where: str, sent: Any, workspace: Workspace, organization: Organization, admin: Api
) -> None:
    kind, _, attribute = where.partition(".")
    path = Door(kind, workspace).collection if kind in KINDS else f"organization/{organization.pk}/{kind}"
    given = {"key": "a", "category": "ENV", "description": "d"} if kind in KINDS else {"name": "n", "description": "d"}
    given |= {"vcsType": "GITHUB"} if kind == "vcs" else {}
    answer = admin.post(path, kind, {**given, attribute: sent})
    assert answer.status_code == 400
    assert not found_in(answer.content.decode(), SECRET)


@pytest.mark.parametrize(
    "document",
    [
        {"data": SECRET},
        {"data": [SECRET]},
        {"data": {"type": "variable", "attributes": SECRET}},
        {"data": {"type": "variable", "attributes": [SECRET]}},
        {"data": {"type": "variable", "relationships": {"workspace": SECRET}}},
        {"atomic:operations": [SECRET]},
        {"atomic:operations": [{"op": "add", "data": SECRET}]},
        {"atomic:operations": [{"op": "add", "href": {"value": SECRET}}]},
        [SECRET],
    ],
)
def test_a_document_of_another_shape_is_not_quoted(document: Any, workspace: Workspace, admin: Api) -> None:
    for path in (f"workspace/{workspace.pk}/variable", "operations"):
        answer = admin.call("POST", path, document)
        assert answer.status_code in {400, 409}
        assert not found_in(answer.content.decode(), SECRET)
    plain = Api(admin.token, prefix="/", client=admin.client)
    assert not found_in(plain.call("POST", "pat/v1", document).content.decode(), SECRET)


def test_no_route_gives_a_secret_back(workspace: Workspace, organization: Organization, admin: Api) -> None:
    for kind in KINDS:
        Door(kind, workspace).plant(SECRET, key=f"secret-{kind}")
    for query in (
        "",
        "?include=variable",
        "?include=variable,organization",
        "?filter[workspace]=variable.key==secret-variable",
    ):
        assert not found_in(admin.get(f"organization/{organization.pk}/workspace{query}").content.decode(), SECRET)
    for kind in KINDS:
        path = Door(kind, workspace).collection
        for query in ("", "?sort=value", f"?filter[{kind}]=value=='Zebra*'", "?fields[variable]=value"):
            answer = admin.get(f"{path}{query}").content.decode().replace("Zebra*", "")
            assert not found_in(answer, SECRET)


@pytest.mark.parametrize("kind", ["variable", "item"])
def test_a_secret_is_made_plain_by_a_new_value_alone(kind: str, workspace: Workspace, admin: Api) -> None:
    door = Door(kind, workspace)
    record = door.plant(SECRET)
    path = f"{door.collection}/{record.pk}"
    answer = admin.patch(path, door.kind, {"sensitive": False})
    assert answer.status_code == 400
    assert "Set a new value" in detail(answer)
    assert admin.patch(path, door.kind, {"sensitive": False, "value": "plain"}).status_code == 204
    assert json.loads(admin.get(path).content)["data"]["attributes"]["value"] == "plain"
    assert not found_in(written(), SECRET)
