"""What a plan would change and what a state puts out, by terraform's ``show -json``; nothing sensitive in clear."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.utils.translation import pgettext_lazy

MASKED = "(sensitive)"
UNKNOWN = "(known after apply)"
_LONGEST = 400
_ABSENT = object()


class Action(StrEnum):
    """What a plan does to a resource, in the order of a reader's worry: what is destroyed comes first."""

    DELETE = "delete"
    REPLACE = "replace"
    UPDATE = "update"
    CREATE = "create"
    READ = "read"

    @property
    def label(self) -> str:
        """What a person is told."""
        return str(_LABELS[self])


_LABELS: dict[Action, Any] = {
    Action.DELETE: pgettext_lazy("what a plan does to a resource", "Delete"),
    Action.REPLACE: pgettext_lazy("what a plan does to a resource", "Replace"),
    Action.UPDATE: pgettext_lazy("what a plan does to a resource", "Update"),
    Action.CREATE: pgettext_lazy("what a plan does to a resource", "Create"),
    Action.READ: pgettext_lazy("what a plan does to a resource", "Read"),
}


@dataclass(frozen=True, slots=True)
class Attribute:
    """One changed attribute; ``before`` and ``after`` are texts, None where there is none."""

    path: str
    before: str | None
    after: str | None
    forces_replacement: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one resource."""

    address: str
    action: Action
    attributes: tuple[Attribute, ...] = ()


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a state."""

    name: str
    value: str
    type: str = ""
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan's changes; a replaced resource counts as one to add and one to destroy, as terraform counts."""

    changes: tuple[Change, ...] = ()
    outputs: tuple[Attribute, ...] = ()

    def _count(self, *actions: Action) -> int:
        return sum(change.action in actions for change in self.changes)

    @property
    def to_add(self) -> int:
        return self._count(Action.CREATE, Action.REPLACE)

    @property
    def to_change(self) -> int:
        return self._count(Action.UPDATE)

    @property
    def to_destroy(self) -> int:
        return self._count(Action.DELETE, Action.REPLACE)


def _action(names: Iterable[str]) -> Action | None:
    found = set(names)
    if {"create", "delete"} <= found:
        return Action.REPLACE
    return next((Action(name) for name in found if name in set(Action)), None)


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _is_marked(mark: Any) -> bool:
    """Whether a mark of sensitive or unknown values covers something: true, or anything true within."""
    if isinstance(mark, dict):
        return any(_is_marked(value) for value in mark.values())
    if isinstance(mark, list):
        return any(_is_marked(value) for value in mark)
    return mark is True


def _children(value: Any) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        return {str(index): item for index, item in enumerate(value)}
    return {}


def _child(value: Any, name: str, default: Any) -> Any:
    return _children(value).get(name, default)


def _walk(
    path: tuple[str, ...], before: Any, after: Any, unknown: Any, hidden_before: Any, hidden_after: Any
) -> Iterable[tuple[tuple[str, ...], str | None, str | None]]:
    """The leaves that differ. A mark on a whole value hides the whole of it."""
    if before == after and not _is_marked(unknown) and hidden_before == hidden_after:
        return
    nested = any(isinstance(value, dict | list) and value for value in (before, after, unknown))
    whole = hidden_before is True or hidden_after is True or unknown is True
    same_kind = before in (None, _ABSENT) or after in (None, _ABSENT) or type(before) is type(after)
    if nested and not whole and same_kind:
        names = [*_children(before), *(name for name in _children(after) if name not in _children(before))]
        names += [name for name in _children(unknown) if name not in names]
        for name in names:
            yield from _walk(
                (*path, name),
                _child(before, name, _ABSENT),
                _child(after, name, _ABSENT),
                _child(unknown, name, False),
                _child(hidden_before, name, False),
                _child(hidden_after, name, False),
            )
        return
    shown_before = _shown(before, hidden=_is_marked(hidden_before))
    shown_after = UNKNOWN if unknown is True else _shown(after, hidden=_is_marked(hidden_after))
    if shown_before is None and shown_after is None:
        return
    if shown_before == shown_after and MASKED not in (shown_before, shown_after):
        return
    yield path, shown_before, shown_after


def _shown(value: Any, *, hidden: bool) -> str | None:
    if value is _ABSENT or value is None:
        return None
    return MASKED if hidden else _text(value)


def _path(path: Iterable[str]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if part.isdecimal() else (f".{part}" if text else part)
    return text


def _attributes(change: Mapping[str, Any]) -> tuple[Attribute, ...]:
    forced = {_path(str(part) for part in path) for path in change.get("replace_paths") or ()}
    found = _walk(
        (),
        change.get("before"),
        change.get("after"),
        change.get("after_unknown", False),
        change.get("before_sensitive", False),
        change.get("after_sensitive", False),
    )
    return tuple(
        Attribute(_path(path), before, after, any(_is_within(_path(path), name) for name in forced))
        for path, before, after in found
    )


def _is_within(path: str, name: str) -> bool:
    return path == name or path.startswith((f"{name}.", f"{name}["))


def read_plan(content: bytes) -> Plan | None:
    """A plan from its ``show -json``; None for what is none."""
    try:
        plan = json.loads(content)
        changes = []
        for row in plan.get("resource_changes") or ():
            action = _action(row["change"]["actions"])
            if action is not None:
                changes.append(Change(row["address"], action, _attributes(row["change"])))
        outputs = []
        for name, change in sorted((plan.get("output_changes") or {}).items()):
            if _action(change["actions"]) is None:
                continue
            found = _attributes(change)
            outputs += [
                Attribute(
                    f"{name}{'.' if row.path and not row.path.startswith('[') else ''}{row.path}", row.before, row.after
                )
                for row in found
            ]
        order = list(Action)
        return Plan(tuple(sorted(changes, key=lambda row: (order.index(row.action), row.address))), tuple(outputs))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def read_outputs(content: bytes) -> tuple[Output, ...] | None:
    """The outputs of a state from its ``show -json``; None for what is no state."""
    try:
        values = json.loads(content).get("values") or {}
        return tuple(
            Output(
                name,
                MASKED if row.get("sensitive") else _text(row.get("value")),
                _type(row.get("type")),
                bool(row.get("sensitive")),
            )
            for name, row in sorted((values.get("outputs") or {}).items())
        )
    except (ValueError, TypeError, AttributeError):
        return None


def _type(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value[0]) if isinstance(value, list) and value else ""
