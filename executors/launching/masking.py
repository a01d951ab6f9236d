"""A Job without what is secret in it, to be shown and kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from executors.job_data import DATA_VARIABLE
from workspaces.ephemeral import SETTINGS
from workspaces.models.variable import HIDDEN
from workspaces.variables import Value


def secret_texts(environment: Mapping[str, Value]) -> frozenset[str]:
    """What in the settings of a workspace's pods is sensitive: the texts, and the values of their pairs."""
    found: set[str] = set()
    for name, value in environment.items():
        if name in SETTINGS and value.sensitive:
            found |= {value.text, *(pair.partition("=")[2].strip() for pair in value.text.split(";"))}
    return frozenset(found - {""})


def masked(part: Any, secrets: frozenset[str]) -> Any:
    """A manifest with every sensitive text replaced, and the data of a step that lies in it."""
    if isinstance(part, dict):
        if part.get("name") == DATA_VARIABLE and "value" in part:
            return {**part, "value": HIDDEN}
        return {key: masked(value, secrets) for key, value in part.items()}
    if isinstance(part, list):
        return [masked(value, secrets) for value in part]
    return HIDDEN if part in secrets else part
