"""A Kubernetes Job as YAML lines with their paths, and the differences between two Jobs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from executors.contract.job_data import DATA_VARIABLE
from executors.launching.manifest import ATTEMPT_LABEL
from workspaces.pods import RESERVED_LABEL_PREFIX

type Place = tuple[str, ...]
POD: Place = ("spec", "template", "spec")
CONTAINER: Place = (*POD, "containers", "executor")
_OF_ONE_RUN = {f"{RESERVED_LABEL_PREFIX}{name}" for name in ("job", "step")} | {ATTEMPT_LABEL}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of YAML; ``place`` are the keys that lead to it, including names of list entries."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Change:
    """A value that differs; None if one side lacks it."""

    place: str
    before: str | None
    after: str | None


def _scalar(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=float("inf"), allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...").strip()


def entry_name(item: Any, index: int) -> str:
    """Return the name of a list entry: its name, its key, its reference, else its index."""
    if isinstance(item, Mapping):
        for key in ("name", "key"):
            if isinstance(item.get(key), str):
                return str(item[key])
        for value in item.values():
            if isinstance(value, Mapping) and isinstance(value.get("name"), str):
                return str(value["name"])
    return str(index)


def yaml_lines(value: Any, place: Place = (), indent: int = 0) -> Iterator[Line]:
    """Yield the lines of a value's YAML, as the YAML package writes it."""
    pad = " " * indent
    if isinstance(value, Mapping):
        for key, item in value.items():
            here = (*place, str(key))
            if isinstance(item, Mapping) and item:
                yield Line(f"{pad}{_scalar(key)}:", here)
                yield from yaml_lines(item, here, indent + 2)
            elif isinstance(item, list) and item:
                yield Line(f"{pad}{_scalar(key)}:", here)
                yield from yaml_lines(item, here, indent)
            else:
                yield Line(f"{pad}{_scalar(key)}: {_scalar(item)}", here)
        return
    for index, item in enumerate(value):
        here = (*place, entry_name(item, index))
        if isinstance(item, Mapping) and item:
            first, *rest = yaml_lines(item, here, indent + 2)
            yield Line(f"{pad}- {first.text.lstrip()}", first.place)
            yield from rest
        else:
            yield Line(f"{pad}- {_scalar(item)}", here)


def _values(value: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _values(item, (*place, str(key)))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _values(item, (*place, entry_name(item, index)))
    else:
        yield place, _scalar(value)


def _depends_on_settings(place: Place) -> bool:
    """Return True if a value depends on the settings, and not on the run or the way its data came."""
    if place == ("metadata", "name") or DATA_VARIABLE in place:
        return False
    return not ("labels" in place and place[-1] in _OF_ONE_RUN)


def job_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Return the differences between two Jobs, except those that every run has; in the order of the second."""
    old = {place: text for place, text in _values(before) if _depends_on_settings(place)}
    new = {place: text for place, text in _values(after) if _depends_on_settings(place)}
    places = [*new, *(place for place in old if place not in new)]
    return [
        Change(_format_place(place), old.get(place), new.get(place))
        for place in places
        if old.get(place) != new.get(place)
    ]


def _format_place(place: Place) -> str:
    return ".".join(place)
