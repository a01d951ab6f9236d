"""Read the resources and outputs of a Terraform state for display, without sensitive values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from terrakube_site.visible import visible
from workspaces.jobs.plans import MASKED, Output, cut, value_text
from workspaces.states.secrets import Secrets, merged, tree_of

_PROVIDER_START, _PROVIDER_END = 'provider["', '"]'


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource with all its instances.

    ``module`` is empty for the root module, ``managed`` false for a data source.
    """

    address: str
    module: str
    type: str
    provider: str
    managed: bool
    instances: int


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance.

    ``raw`` are its attributes as they stand in the state, ``values`` as ``show -json`` writes them if there is its
    output. ``hidden`` marks the sensitive ones as that does; it is true where nothing is known of them.
    """

    address: str
    raw: Any
    values: Any
    hidden: Any


@dataclass(frozen=True, slots=True)
class GivenOutput:
    """One output as it stands in the state."""

    value: Any
    sensitive: bool
    type: Any


@dataclass(frozen=True, slots=True)
class StateContent:
    """A state. Without ``described`` the marks of its sensitive values are incomplete.

    Terraform writes those marks of a provider's schema only into the output of ``show -json``.
    """

    terraform_version: str = ""
    encrypted: bool = False
    resources: tuple[Resource, ...] = ()
    instances: Mapping[str, Instance] = field(default_factory=dict)
    given_outputs: Mapping[str, GivenOutput] = field(default_factory=dict)
    described: bool = False

    @property
    def secrets(self) -> Secrets:
        """The sensitive values that are known, to hide their copies as well."""
        found = Secrets()
        for instance in self.instances.values():
            found.collect(instance.values, instance.hidden)
        for output in self.given_outputs.values():
            found.collect(output.value, output.sensitive)
        return found

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The outputs by name, those that are sensitive masked."""
        secrets = self.secrets
        return tuple(
            Output(
                visible(name),
                MASKED if given.sensitive or secrets.is_in(given.value) else cut(value_text(given.value)),
                _type(given.type),
                given.sensitive,
            )
            for name, given in sorted(self.given_outputs.items())
        )


def read_content(content: bytes, described: bytes | None = None) -> StateContent | None:
    """Parse a state, with its ``show -json`` output if there is one; None for what cannot be read."""
    try:
        state = json.loads(content)
        if "encrypted_data" in state:
            return StateContent(encrypted=True)
        values = _described_values(json.loads(described)) if described is not None else None
        rows = [row for row in state.get("resources") or () if isinstance(row, dict)]
        return StateContent(
            terraform_version=visible(str(state.get("terraform_version") or "")),
            resources=tuple(
                sorted((_resource(row) for row in rows), key=lambda one: (one.module, one.type, one.address))
            ),
            instances={one.address: one for row in rows for one in _instances(row, values)},
            given_outputs={
                str(name): GivenOutput(given.get("value"), given.get("sensitive") is True, given.get("type"))
                for name, given in (state.get("outputs") or {}).items()
            },
            described=values is not None,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _address(row: Mapping[str, Any]) -> str:
    data = "data." if row.get("mode") == "data" else ""
    own = f"{data}{row['type']}.{row['name']}"
    return f"{row['module']}.{own}" if row.get("module") else own


def _resource(row: Mapping[str, Any]) -> Resource:
    provider = str(row.get("provider") or "")
    # With an alias the name of the provider is followed by one.
    provider = provider.partition(_PROVIDER_START)[2].partition(_PROVIDER_END)[0] or provider
    return Resource(
        address=visible(_address(row)),
        module=visible(str(row.get("module") or "")),
        type=visible(str(row["type"])),
        provider=visible(provider),
        managed=row.get("mode") != "data",
        instances=len(row.get("instances") or ()),
    )


def _instances(row: Mapping[str, Any], described: Mapping[str, tuple[Any, Any]] | None) -> Iterator[Instance]:
    for given in row.get("instances") or ():
        address = _address(row)
        if "index_key" in given:
            address += f"[{json.dumps(given['index_key'], ensure_ascii=False)}]"
        if given.get("deposed"):
            address += f" (deposed {given['deposed']})"
        raw, hidden = given.get("attributes"), tree_of(given.get("sensitive_attributes") or ())
        if described is None:
            yield Instance(address, raw, raw, hidden)
        else:
            # An instance that the description leaves out has no complete marks.
            values, marks = described.get(address, (raw, True))
            yield Instance(address, raw, values, merged(marks, hidden))


def _described_values(state: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return values and marks of each instance by its address."""
    found: dict[str, tuple[Any, Any]] = {}
    left = [(state.get("values") or {}).get("root_module") or {}]
    while left:
        module = left.pop()
        left += module.get("child_modules") or ()
        for row in module.get("resources") or ():
            deposed = f" (deposed {row['deposed_key']})" if row.get("deposed_key") else ""
            found[f"{row['address']}{deposed}"] = (row.get("values"), row.get("sensitive_values", True))
    return found


def _type(value: Any) -> str:
    if isinstance(value, list) and value:
        value = value[0]
    return visible(value) if isinstance(value, str) else ""
