"""The chart as helm renders it: objects from values."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.support.patience import patient

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
CHART = DEPLOY / "chart"
VALUES = Path(__file__).with_name("values")
KUBERNETES = "1.34.0"
"""helm takes this for the server's version where it asks none."""
NAMESPACE = "terrakube"
RELEASE = "site"
NAME = "site-terrakube-site"
"""What the release's objects are called."""

type Object = dict[str, Any]
type Values = dict[str, Any]

DATABASE: Values = {"database": {"existingSecret": "connections"}}
"""The least that an installation needs to say."""


def helm(*arguments: str, values: Values | None = None) -> subprocess.CompletedProcess[str]:
    command = ["helm", *arguments, *(["--values", "-"] if values is not None else [])]
    text = yaml.safe_dump(values) if values is not None else None
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=patient(60))


def template(*values: Values, files: tuple[Path, ...] = ()) -> subprocess.CompletedProcess[str]:
    """``helm template`` with values that are laid over each other, the last on top."""
    named = [word for file in files for word in ("--values", str(file))]
    return helm(
        *("template", RELEASE, str(CHART), "--namespace", NAMESPACE, "--kube-version", KUBERNETES, *named),
        values=laid_over(*values),
    )


def render(*values: Values, files: tuple[Path, ...] = ()) -> list[Object]:
    """The objects of a release; values that the chart refuses fail the test."""
    answer = template(*values, files=files)
    assert answer.returncode == 0, answer.stderr
    return [each for each in yaml.safe_load_all(answer.stdout) if each]


def refusal(*values: Values) -> str:
    """Why the chart refuses values; values that it takes fail the test."""
    answer = template(*values)
    assert answer.returncode != 0, "the chart takes these values"
    return answer.stderr


def laid_over(*values: Values) -> Values:
    result: Values = {}
    for layer in values:
        for key, value in layer.items():
            below = result.get(key)
            result[key] = laid_over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def one(objects: list[Object], kind: str, name: str = "") -> Object:
    (found,) = (each for each in objects if each["kind"] == kind and name in ("", each["metadata"]["name"]))
    return found


def kinds(objects: list[Object]) -> list[str]:
    return sorted({each["kind"] for each in objects})


def pods(objects: list[Object]) -> dict[str, Object]:
    """The pod specs of the site's own processes, by the names of their objects."""
    found = {}
    for each in objects:
        if each["kind"] in {"Deployment", "StatefulSet", "Job"}:
            found[each["metadata"]["name"]] = each["spec"]["template"]["spec"]
        elif each["kind"] == "Pod":
            found[each["metadata"]["name"]] = each["spec"]
    return found


def environment(pod: Object) -> dict[str, str]:
    """The variables of a pod's container that have a value of their own; a name that is there twice fails the test."""
    entries = pod["containers"][0]["env"]
    names = [entry["name"] for entry in entries]
    assert len(names) == len(set(names)), f"twice: {sorted(name for name in names if names.count(name) > 1)}"
    return {entry["name"]: entry["value"] for entry in entries if "value" in entry}


def leaves(values: Any, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """The paths of all values that have no keys below them."""
    if not isinstance(values, dict) or not values:
        return {path}
    return {leaf for key, value in values.items() for leaf in leaves(value, (*path, key))}
