"""A fake of Terrakube's Terraform provider: its documents, and one resource from creation to destruction.

It sends what the provider sends and decodes as strictly: an attribute has one JSON type, null is the zero value. Its
checks are Terraform's own: what is applied is what was planned, and a refresh finds no difference.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.api.client import Api

# A computed attribute that the configuration leaves out: whatever the site answers is taken.
UNKNOWN: Any = object()
TEXT, POINTER, OMITTED, FLAG, NUMBER = "text", "pointer", "omitted", "flag", "number"
_ZERO: dict[str, Any] = {TEXT: "", POINTER: None, OMITTED: None, FLAG: False, NUMBER: 0}
_TYPES: dict[str, type] = {FLAG: bool, NUMBER: int}


def _fields(**kinds: str) -> dict[str, str]:
    return {name: kind for kind, names in kinds.items() for name in names.split()}


# ``pointer`` is sent as null when unset, ``omitted`` not at all, all others as their zero value.
ENTITIES: dict[str, dict[str, str]] = {
    "organization": _fields(text="name executionMode", pointer="description icon", flag="disabled"),
    "template": _fields(text="name tcl", pointer="description version"),
    "tag": _fields(text="name"),
    "team": _fields(
        text="name",
        flag="manageState manageWorkspace manageModule manageProvider manageVcs manageTemplate manageJob "
        "manageCollection planJob approveJob",
        pointer="role",
        omitted="managePolicies",
    ),
    "workspace": _fields(
        text="name source branch folder defaultTemplate iacType terraformVersion executionMode",
        pointer="description",
        flag="deleted allowRemoteApply",
        omitted="moduleSshKey policyComplianceStatus",
    ),
    "workspacetag": _fields(text="tagId", omitted="value"),
    "variable": _fields(text="key value description category", flag="sensitive hcl"),
    "access": _fields(text="name", flag="manageState manageWorkspace manageJob planJob approveJob", pointer="role"),
    "project": _fields(text="name", pointer="description"),
    "project_access": _fields(
        text="name", flag="manageState manageWorkspace manageJob planJob approveJob", pointer="role"
    ),
    "globalvar": _fields(text="key value description category", flag="hcl", omitted="sensitive"),
    "vcs": _fields(
        text="name description vcsType connectionType clientId clientSecret privateKey endpoint apiUrl status"
    ),
    "ssh": _fields(text="name privateKey sshType", pointer="description"),
    "collection": _fields(text="name", pointer="description", number="priority"),
    "agent": _fields(text="name description url"),
    "item": _fields(text="key value category", pointer="description", flag="sensitive hcl"),
    "reference": _fields(pointer="description"),
    "schedule": _fields(text="cron templateReference"),
    "history": _fields(omitted="jobReference output"),
}
RELATIONS = {"workspace": ("vcs", "ssh", "project"), "reference": ("workspace", "collection")}
_BOOLEANS = {"sensitive", "managePolicies"}


def encode(type_name: str, values: Mapping[str, Any], *, key: str | None = None) -> dict[str, Any]:
    """Return the document of an entity; a value of UNKNOWN or one left out is its zero value."""
    data: dict[str, Any] = {"type": type_name, "attributes": {}}
    if key is not None:
        data["id"] = key
    for name, kind in ENTITIES[type_name].items():
        value = values.get(name, UNKNOWN)
        value = _ZERO[kind] if value is UNKNOWN or value is None else value
        if value is not None or kind != OMITTED:
            data["attributes"][name] = value
    document: dict[str, Any] = {"data": data}
    for name in RELATIONS.get(type_name, ()):
        if (other := values.get(name)) is not None and other is not UNKNOWN:
            data.setdefault("relationships", {})[name] = {"data": {"type": name, "id": other}}
            document.setdefault("included", []).append(encode(name, {}, key=other)["data"])
    return document


def decode(type_name: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a resource object, with its id. Fails where the provider's decoder does."""
    assert data["type"] == type_name
    values: dict[str, Any] = {"id": data["id"]}
    for name, kind in ENTITIES[type_name].items():
        value = data["attributes"].get(name)
        expected = _TYPES.get(kind, bool if name in _BOOLEANS else str)
        assert value is None or type(value) is expected, (name, value)
        values[name] = _ZERO[kind] if value is None else value
    for name in RELATIONS.get(type_name, ()):
        other = data["relationships"][name]["data"] if name in data.get("relationships", {}) else None
        assert other is None or other["type"] == name
        values[name] = other and other["id"]
    return values


@dataclass
class Managed:
    """One resource of a configuration, and what the state says of it.

    ``secret`` values are in no answer. ``only_created`` ones are in no change. ``deletion`` is what a change says
    instead of a DELETE.
    """

    api: Api
    type: str
    path: str
    config: dict[str, Any]
    place: str = ""
    secret: tuple[str, ...] = ()
    only_created: tuple[str, ...] = ()
    deletion: Mapping[str, Any] | None = None
    state: dict[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"{self.place or self.path}/{self.state['id']}"

    def create(self) -> None:
        answer = self.api.call("POST", self.path, encode(self.type, self.config))
        assert answer.status_code == 201, (self.type, answer.content)
        self._apply(json.loads(answer.content)["data"])

    def _apply(self, data: Mapping[str, Any]) -> None:
        """Take an answer as the state. Fails with Terraform's «inconsistent result after apply»."""
        answered = decode(self.type, data)
        kept = self._not_answered()
        for name, planned in self.config.items():
            if name not in kept and planned is not UNKNOWN:
                assert answered[name] == planned, f"{self.type}.{name} was {planned!r}, but now {answered[name]!r}"
        self.state = {"id": answered["id"]}
        self.state |= {name: self.config[name] if name in kept else answered[name] for name in self.config}

    def _not_answered(self) -> set[str]:
        return {*self.secret, *(["value"] if self.config.get("sensitive") is True else [])}

    def read(self) -> dict[str, Any] | None:
        """Return what a refresh makes of the state; None if the resource is gone."""
        answer = self.api.get(self.address)
        if answer.status_code == 404:
            return None
        assert answer.status_code == 200, (self.type, answer.content)
        answered = decode(self.type, json.loads(answer.content)["data"])
        return self.state | {name: answered[name] for name in {"id", *self.config} - self._not_answered()}

    def plan(self) -> dict[str, Any]:
        """Return the differences that a plan shows."""
        found = self.read()
        assert found is not None
        return {
            name: (found[name], wanted)
            for name, wanted in self.config.items()
            if wanted is not UNKNOWN and found[name] != wanted
        }

    def change(self, **config: Any) -> None:
        self.config |= config
        # What is computed keeps the state's value in a plan.
        planned = {name: self.state[name] if value is UNKNOWN else value for name, value in self.config.items()}
        sent = {name: value for name, value in planned.items() if name not in self.only_created}
        self._patch(sent)
        answer = self.api.get(self.address)
        assert answer.status_code == 200, (self.type, answer.content)
        self._apply(json.loads(answer.content)["data"])

    def _patch(self, values: Mapping[str, Any]) -> None:
        answer = self.api.call("PATCH", self.address, encode(self.type, values, key=self.state["id"]))
        assert (answer.status_code, answer.content) == (204, b""), (self.type, answer.content)

    def imported(self) -> dict[str, Any]:
        """Return what an import by id finds, without what is in no answer."""
        blank = Managed(self.api, self.type, self.path, dict(self.config), self.place, self.secret)
        blank.state = {"id": self.state["id"]}
        found = blank.read()
        assert found is not None
        return found

    def destroy(self) -> None:
        if self.deletion is None:
            answer = self.api.delete(self.address)
            assert answer.status_code == 204, (self.type, answer.content)
        else:
            self._patch({**self.state, **self.deletion})


def live(resource: Managed, **change: Any) -> None:
    """Lead a resource through create, plan, change, plan and import."""
    resource.create()
    assert resource.plan() == {}
    assert resource.read() == resource.state
    if change:
        resource.change(**change)
        assert resource.plan() == {}
    kept = resource._not_answered()
    assert resource.imported() == {name: value for name, value in resource.state.items() if name not in kept}


def found(api: Api, path: str, type_name: str) -> list[dict[str, Any]]:
    """Return the entities that a data source finds at a path."""
    return [decode(type_name, data) for data in api.read(path)["data"]]


def destroy_all(resources: Iterable[Managed]) -> None:
    """Destroy resources, the last first, and look that each is gone."""
    for resource in reversed(list(resources)):
        resource.destroy()
        assert resource.read() is None, resource.type
