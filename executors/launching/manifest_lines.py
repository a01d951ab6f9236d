"""A Kubernetes Job for people: its YAML line by line, each with its place, and what differs between two. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from executors.job_data import DATA_VARIABLE
from executors.launching.manifest import ATTEMPT_LABEL
from workspaces.ephemeral import RESERVED_LABEL_PREFIX

type Place = tuple[str, ...]
POD: Place = ("spec", "template", "spec")
CONTAINER: Place = (*POD, "containers", "executor")
_OF_ONE_RUN = {f"{RESERVED_LABEL_PREFIX}{name}" for name in ("job", "step")} | {ATTEMPT_LABEL}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of YAML; ``place`` are the keys that lead to it, with the names of list entries among them."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Change:
    """A value that differs; None where there is none."""

    place: str
    before: str | None
    after: str | None


def _scalar(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=float("inf"), allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...").strip()


def _named(item: Any, index: int) -> str:
    """What an entry of a list is called: by its name, its key or what it refers to, else by its place."""
    if isinstance(item, Mapping):
        for key in ("name", "key"):
            if isinstance(item.get(key), str):
                return str(item[key])
        for value in item.values():
            if isinstance(value, Mapping) and isinstance(value.get("name"), str):
                return str(value["name"])
    return str(index)


def yaml_lines(value: Any, place: Place = (), indent: int = 0) -> Iterator[Line]:
    """The lines of a value's YAML, as the YAML package writes it."""
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
        here = (*place, _named(item, index))
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
            yield from _values(item, (*place, _named(item, index)))
    else:
        yield place, _scalar(value)


def _of_every_run(place: Place) -> bool:
    """Whether a value says something of the settings, and not just which run it was or how its data came."""
    if place == ("metadata", "name") or DATA_VARIABLE in place:
        return False
    return not ("labels" in place and place[-1] in _OF_ONE_RUN)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What differs between two Jobs, apart from what differs from run to run; in the order of the second."""
    old = {place: text for place, text in _values(before) if _of_every_run(place)}
    new = {place: text for place, text in _values(after) if _of_every_run(place)}
    places = [*new, *(place for place in old if place not in new)]
    return [
        Change(_shown(place), old.get(place), new.get(place)) for place in places if old.get(place) != new.get(place)
    ]


def _shown(place: Place) -> str:
    return ".".join(place)
