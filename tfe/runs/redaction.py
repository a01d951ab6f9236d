"""The JSON of a plan without its secrets, as a terminal renders a saved plan."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tfe.documents import Json

_KEPT = ("relevant_attributes", "deferred_changes", "action_invocations", "errored", "applyable", "complete")
_CHANGE = ("actions", "after_unknown", "replace_paths", "importing", "generated_config", "action_reason")
_FORMAT, _PROVIDER_FORMAT = "1.2", "1.0"
_HIDDEN, _NEW = "REDACTED", "REDACTED (new)"


def redacted(content: bytes) -> Json | None:
    """Return a plan's ``show -json`` without sensitive values, state and variables; None if it is no plan.

    A renderer needs a schema for each provider. None is stored, so each attribute that a change names has the dynamic
    type, which is rendered by its value.
    """
    try:
        plan = json.loads(content)
        changes = [_resource(row) for row in plan.get("resource_changes") or ()]
        drift = [_resource(row) for row in plan.get("resource_drift") or ()]
        outputs = {name: _change(row) for name, row in (plan.get("output_changes") or {}).items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    return {
        "plan_format_version": str(plan.get("format_version") or _FORMAT),
        "provider_format_version": _PROVIDER_FORMAT,
        "resource_changes": changes,
        "resource_drift": drift,
        "output_changes": outputs,
        **{name: plan[name] for name in _KEPT if name in plan},
        "provider_schemas": _schemas([*changes, *drift]),
    }


def _resource(row: Mapping[str, Any]) -> Json:
    return {**row, "change": _change(row.get("change") or {})}


def _change(change: Mapping[str, Any]) -> Json:
    before, after = change.get("before"), change.get("after")
    hidden, new_hidden = change.get("before_sensitive", False), change.get("after_sensitive", False)
    return {
        **{name: change[name] for name in _CHANGE if name in change},
        "before": _without(before, hidden, after, _HIDDEN),
        "after": _without(after, new_hidden, before, _NEW),
        "before_sensitive": hidden,
        "after_sensitive": new_hidden,
    }


def _without(value: Any, mark: Any, other: Any, word: str) -> Any:
    """Return a value without what a mark covers; ``other`` is the other side's, so that a difference stays one."""
    if mark is True:
        return None if value is None else _HIDDEN if value == other else word
    if isinstance(value, dict):
        marks = mark if isinstance(mark, dict) else {}
        others = other if isinstance(other, dict) else {}
        return {key: _without(one, marks.get(key), others.get(key), word) for key, one in value.items()}
    if isinstance(value, list):
        return [_without(one, _at(mark, at), _at(other, at), word) for at, one in enumerate(value)]
    return value


def _at(found: Any, at: int) -> Any:
    return found[at] if isinstance(found, list) and at < len(found) else None


def _schemas(rows: Iterable[Mapping[str, Any]]) -> Json:
    found: Json = {}
    for row in rows:
        kind = "data_source_schemas" if row.get("mode") == "data" else "resource_schemas"
        provider = found.setdefault(
            str(row.get("provider_name")), {"provider": {}, "resource_schemas": {}, "data_source_schemas": {}}
        )
        schema = provider[kind].setdefault(str(row.get("type")), {"version": 0, "block": {"attributes": {}}})
        attributes = schema["block"]["attributes"]
        for side in ("before", "after", "after_unknown"):
            values = row["change"].get(side)
            for name in values if isinstance(values, dict) else ():
                attributes.setdefault(name, {"type": "dynamic", "optional": True})
    return found
