"""The outputs of a state: read from the state itself, with the values of sensitive ones left out of lists."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfe.documents import Json, resource
from workspaces.models import StateVersion

_TYPES = {"string": "string", "number": "number", "bool": "bool", "list": "array", "set": "array", "tuple": "array"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One output; ``detailed_type`` is its type in terraform's own JSON, such as ``["list", "string"]``."""

    key: str
    name: str
    value: Any
    sensitive: bool
    detailed_type: Any

    @property
    def kind(self) -> str:
        """Its type in one word."""
        head = self.detailed_type[0] if isinstance(self.detailed_type, list) and self.detailed_type else None
        return _TYPES.get(head or self.detailed_type if isinstance(head or self.detailed_type, str) else "", "object")


def read_content(version: StateVersion) -> Mapping[str, Any]:
    """Return the state of a version as terraform wrote it; {} for one that is encrypted or cannot be read."""
    try:
        found = json.loads(version.content or b"{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def outputs_of(version: StateVersion, content: Mapping[str, Any] | None = None) -> list[Output]:
    """Return the outputs of a version by name. An output has the same id as long as its version is there."""
    found = (read_content(version) if content is None else content).get("outputs")
    if not isinstance(found, dict):
        return []
    return [
        Output(
            key=f"{version.pk}.{name}",
            name=name,
            value=given.get("value"),
            sensitive=given.get("sensitive") is True,
            detailed_type=given.get("type", "string"),
        )
        for name, given in sorted(found.items())
        if isinstance(given, dict)
    ]


def output_object(output: Output, *, with_value: bool = False) -> Json:
    """Return the resource of an output; the value of a sensitive one only ``with_value``."""
    return resource(
        "state-version-outputs",
        output.key,
        {
            "name": output.name,
            "sensitive": output.sensitive,
            "type": output.kind,
            "value": output.value if with_value or not output.sensitive else None,
            "detailed-type": output.detailed_type,
        },
    )


def workspace_output_object(output: Output) -> Json:
    """Return the resource of an output as a workspace includes it; a sensitive one without its value."""
    value = None if output.sensitive else output.value
    attributes = {"name": output.name, "sensitive": output.sensitive, "output-type": output.kind, "value": value}
    return resource("workspace-outputs", output.key, attributes)
