"""What the fields of a body or a query must be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from tests.vcs.provider.calls import Wrong


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its type, and what else holds for it. ``longest`` is in characters, ``each`` for items of a list."""

    kind: type | tuple[type, ...] = str
    required: bool = True
    choices: Collection[object] | None = None
    longest: int | None = None
    each: Field | None = None
    fields: Mapping[str, Field] | None = None

    def check(self, name: str, value: object) -> None:
        """Raise Wrong for a value that is not so."""
        kinds = self.kind if isinstance(self.kind, tuple) else (self.kind,)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise Wrong(422, f"{name} is a {type(value).__name__}")
        if self.choices is not None and value not in self.choices:
            raise Wrong(422, f"{name} is {value!r}, not one of {sorted(map(str, self.choices))}")
        if self.longest is not None and isinstance(value, str) and len(value) > self.longest:
            raise Wrong(422, f"{name} has {len(value)} characters, more than {self.longest}")
        if self.each is not None and isinstance(value, list):
            for at, item in enumerate(value):
                self.each.check(f"{name}[{at}]", item)
        if self.fields is not None and isinstance(value, dict):
            check_fields(value, self.fields, f"{name}.")


def optional(kind: type | tuple[type, ...] = str, **more: Any) -> Field:
    """A field that may be missing."""
    return Field(kind, required=False, **more)


def check_fields(given: Mapping[str, object], known: Mapping[str, Field], prefix: str = "") -> None:
    """Raise Wrong for a field that is missing, unknown or not as it must be."""
    for name in given.keys() - known.keys():
        raise Wrong(422, f"{prefix}{name} is no field of this call")
    for name, one in known.items():
        if name in given:
            one.check(prefix + name, given[name])
        elif one.required:
            raise Wrong(422, f"{prefix}{name} is missing")
