"""Read an ``atlantis.yaml`` (version 3) into dataclasses. Pure.

Keys and defaults are those of Atlantis' documentation, "Repo Level atlantis.yaml Config" and "Custom Workflows".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

LARGEST_BYTES = 1024 * 1024
_STAGES = ("plan", "apply", "policy_check", "import", "state_rm")
_BUILT_IN = ("init", "plan", "apply", "show", "policy_check", "import", "state_rm")


class AtlantisError(ValueError):
    """The file is not one that Atlantis would read; the text is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of a stage. ``kind`` is a built-in step, ``run``, ``env`` or ``multienv``.

    ``arguments`` are the extra ones of a built-in step; ``command`` is that of run, env and multienv.
    """

    kind: str
    arguments: tuple[str, ...] = ()
    command: str = ""
    name: str = ""
    value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project. ``others`` holds the keys that only Atlantis knows, as they were written."""

    directory: str
    name: str = ""
    workspace: str = "default"
    branch: str = ""
    workflow: str = ""
    distribution: str = ""
    version: str = ""
    autoplan: bool = True
    when_modified: tuple[str, ...] | None = None
    apply_requirements: tuple[str, ...] | None = None
    others: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole file; ``workflows`` are stages by their names, and these steps."""

    projects: tuple[Project, ...] = ()
    workflows: Mapping[str, Mapping[str, tuple[Step, ...]]] = field(default_factory=dict)
    others: Mapping[str, object] = field(default_factory=dict)


def read_config(content: bytes) -> Config:
    """Parse an atlantis.yaml. Raises AtlantisError with the first thing that is wrong."""
    if len(content) > LARGEST_BYTES:
        raise AtlantisError(f"The file has {len(content)} bytes; at most {LARGEST_BYTES} are read.")
    try:
        found = yaml.safe_load(content)
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or "it cannot be read"
        mark = getattr(error, "problem_mark", None)
        place = f"Line {mark.line + 1}: this" if mark else "This"
        raise AtlantisError(f"{place} is not valid YAML: {problem}.") from None
    root = _mapping(found, "the file")
    if root.get("version") not in {2, 3}:
        raise AtlantisError(f"version is {root.get('version')!r}; Atlantis reads 2 and 3.")
    return Config(
        projects=tuple(_project(item, f"projects[{at}]") for at, item in enumerate(_list(root, "projects", ""))),
        workflows={
            str(name): _workflow(item or {}, f"workflows.{name}")
            for name, item in _mapping(root.get("workflows") or {}, "workflows").items()
        },
        others={name: value for name, value in root.items() if name not in {"version", "projects", "workflows"}},
    )


def _project(found: object, where: str) -> Project:
    item = _mapping(found, where)
    known = {"name", "dir", "workspace", "branch", "workflow", "terraform_version", "terraform_distribution"}
    texts = {name: _text(item, name, where) for name in known}
    if not texts["dir"]:
        raise AtlantisError(f"{where}.dir is missing.")
    if ".." in texts["dir"]:
        raise AtlantisError(f'{where}.dir is {texts["dir"]!r}; it cannot contain "..".')
    autoplan = _mapping(item.get("autoplan") or {}, f"{where}.autoplan")
    enabled = autoplan.get("enabled", True)
    if not isinstance(enabled, bool):
        raise AtlantisError(f"{where}.autoplan.enabled is {enabled!r}; true or false is expected.")
    return Project(
        directory=texts["dir"],
        name=texts["name"],
        workspace=texts["workspace"] or "default",
        branch=texts["branch"],
        workflow=texts["workflow"],
        distribution=texts["terraform_distribution"],
        version=texts["terraform_version"],
        autoplan=enabled,
        when_modified=_texts(autoplan, "when_modified", f"{where}.autoplan"),
        apply_requirements=_texts(item, "apply_requirements", where),
        others={name: item[name] for name in item if name not in {*known, "autoplan", "apply_requirements"}},
    )


def _workflow(found: object, where: str) -> dict[str, tuple[Step, ...]]:
    stages = {}
    for name, stage in _mapping(found, where).items():
        if name not in _STAGES:
            raise AtlantisError(f"{where} has no stage {name!r}; there are {', '.join(_STAGES)}.")
        place = f"{where}.{name}"
        steps = _list(_mapping(stage or {}, place), "steps", f"{place}.")
        stages[str(name)] = tuple(_step(item, f"{place}.steps[{at}]") for at, item in enumerate(steps))
    return stages


def _step(found: object, where: str) -> Step:
    if isinstance(found, str):
        if found not in _BUILT_IN:
            raise AtlantisError(f"{where} is {found!r}; a step by its name alone is one of {', '.join(_BUILT_IN)}.")
        return Step(kind=found)
    item = _mapping(found, where)
    if len(item) != 1:
        raise AtlantisError(f"{where} has {len(item)} keys; a step has one.")
    ((kind, value),) = item.items()
    place = f"{where}.{kind}"
    if kind in _BUILT_IN:
        return Step(kind=kind, arguments=_texts(_mapping(value or {}, place), "extra_args", place) or ())
    if kind not in {"run", "env", "multienv"}:
        raise AtlantisError(f"{where} is {kind!r}, which is no step of Atlantis.")
    if isinstance(value, str):
        return Step(kind=kind, command=value)
    known = _mapping(value, place)
    if kind == "env" and not _text(known, "name", place):
        raise AtlantisError(f"{place}.name is missing.")
    return Step(
        kind=kind,
        command=_text(known, "command", place),
        name=_text(known, "name", place),
        value=_text(known, "value", place) if "value" in known else None,
    )


def _mapping(found: object, where: str) -> dict[Any, Any]:
    if not isinstance(found, dict):
        raise AtlantisError(f"{where[0].upper()}{where[1:]} has no keys and values.")
    return found


def _list(item: Mapping[str, object], name: str, prefix: str) -> list[object]:
    found = item.get(name) or []
    if not isinstance(found, list):
        raise AtlantisError(f"{prefix}{name} is no list.")
    return found


def _texts(item: Mapping[str, object], name: str, where: str) -> tuple[str, ...] | None:
    if item.get(name) is None:
        return None
    return tuple(_scalar(value, f"{where}.{name}[{at}]") for at, value in enumerate(_list(item, name, f"{where}.")))


def _text(item: Mapping[str, object], name: str, where: str) -> str:
    return "" if item.get(name) is None else _scalar(item[name], f"{where}.{name}")


def _scalar(value: object, where: str) -> str:
    # A version such as 1.5 is a number in YAML.
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise AtlantisError(f"{where} is no text.")
    return str(value)
