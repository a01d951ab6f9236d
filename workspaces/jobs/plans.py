"""Read a plan's changes and a state's outputs from terraform's ``show -json``, without sensitive values.

Names and values are made safe to read: control and hidden characters are shown (``visible``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext_lazy, pgettext_lazy

from terrakube_site.visible import visible

MASKED = "(sensitive)"
UNKNOWN = "(known after apply)"
_LONGEST, _CONTEXT = 400, 40
_ABSENT = object()


class Action(StrEnum):
    """What a plan does to a resource, the most dangerous first."""

    DELETE = "delete"
    REPLACE = "replace"
    FORGET = "forget"
    FORGET_AND_CREATE = "forget-and-create"
    UPDATE = "update"
    CREATE = "create"
    MOVE = "move"
    IMPORT = "import"
    READ = "read"

    @property
    def label(self) -> str:
        """Return the label for users."""
        return str(_LABELS[self])


_LABELS: dict[Action, Any] = {
    Action.DELETE: pgettext_lazy("what a plan does to a resource", "Delete"),
    Action.REPLACE: pgettext_lazy("what a plan does to a resource", "Replace"),
    Action.FORGET: pgettext_lazy("what a plan does to a resource", "Forget"),
    Action.FORGET_AND_CREATE: pgettext_lazy("what a plan does to a resource", "Forget and create"),
    Action.UPDATE: pgettext_lazy("what a plan does to a resource", "Update"),
    Action.CREATE: pgettext_lazy("what a plan does to a resource", "Create"),
    Action.MOVE: pgettext_lazy("what a plan does to a resource", "Move"),
    Action.IMPORT: pgettext_lazy("what a plan does to a resource", "Import"),
    Action.READ: pgettext_lazy("what a plan does to a resource", "Read"),
}


class Part(StrEnum):
    """How a change relates to the job's addresses."""

    ASKED = "asked"
    ADDED = "added"
    BESIDE = "beside"

    @property
    def label(self) -> str:
        """Return the label for users."""
        return str(_PARTS[self])

    @property
    def tone(self) -> str:
        return "active" if self is Part.ASKED else "attention"


_PARTS: dict[Part, Any] = {
    Part.ASKED: gettext_lazy("requested"),
    Part.ADDED: gettext_lazy("added by Terraform"),
    Part.BESIDE: gettext_lazy("not requested"),
}


@dataclass(frozen=True, slots=True)
class Attribute:
    """One changed attribute; ``before`` and ``after`` are texts, None if absent."""

    path: str
    before: str | None
    after: str | None
    forces_replacement: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """The change of one resource; ``part`` is None in a job without addresses."""

    address: str
    action: Action
    attributes: tuple[Attribute, ...] = ()
    moved_from: str = ""
    part: Part | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a state."""

    name: str
    value: str
    type: str = ""
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan's changes; a replaced resource counts as one to add and one to destroy, as in terraform."""

    changes: tuple[Change, ...] = ()
    outputs: tuple[Attribute, ...] = ()

    def _count(self, *actions: Action) -> int:
        return sum(change.action in actions for change in self.changes)

    @property
    def to_add(self) -> int:
        return self._count(Action.CREATE, Action.REPLACE, Action.FORGET_AND_CREATE)

    @property
    def to_change(self) -> int:
        return self._count(Action.UPDATE)

    @property
    def to_destroy(self) -> int:
        return self._count(Action.DELETE, Action.REPLACE)

    @property
    def to_forget(self) -> int:
        """Return how many resources leave the state without being destroyed."""
        return self._count(Action.FORGET, Action.FORGET_AND_CREATE)

    @property
    def parts(self) -> tuple[tuple[Part, int], ...]:
        """Count changes that were requested and others; empty for a job without addresses."""
        found = [change.part for change in self.changes]
        return tuple((part, found.count(part)) for part in Part if part in found)

    def compared(self, is_asked: Callable[[str], bool], *, otherwise: Part) -> Plan:
        """Return the plan with each change compared with the job's addresses."""

        def part(change: Change) -> Part:
            texts = [text for text in (change.address, change.moved_from) if text]
            return Part.ASKED if any(map(is_asked, texts)) else otherwise

        return replace(self, changes=tuple(replace(change, part=part(change)) for change in self.changes))


def _action(names: Iterable[str]) -> Action | None:
    found = set(names)
    if {"create", "delete"} <= found:
        return Action.REPLACE
    if "forget" in found:
        # tofu replaces so what the configuration says not to destroy.
        return Action.FORGET_AND_CREATE if "create" in found else Action.FORGET
    return next((Action(name) for name in found if name in set(Action)), None)


def _json(value: Any) -> str:
    return visible(json.dumps(value, ensure_ascii=False, sort_keys=True))


def value_text(value: Any) -> str:
    """Return a value as a reader sees it: a text as it is, anything else as JSON."""
    return visible(value) if isinstance(value, str) else _json(value)


def cut(text: str, start: int = 0) -> str:
    """Truncate a text, starting where the reader has to look."""
    if len(text) <= _LONGEST:
        return text
    end = start + _LONGEST - 2
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"


def _cut_both(before: str | None, after: str | None) -> tuple[str | None, str | None]:
    """Truncate two texts where they begin to differ, so that long ones never look equal."""
    if before is None or after is None:
        return (None if before is None else cut(before)), (None if after is None else cut(after))
    same = next((at for at, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), None)
    same = min(len(before), len(after)) if same is None else same
    start = same - _CONTEXT if same > _LONGEST - _CONTEXT else 0
    return cut(before, start), cut(after, start)


def _is_marked(mark: Any) -> bool:
    """Return whether a mark of sensitive or unknown values covers something: true, or a nested true."""
    if isinstance(mark, dict):
        return any(_is_marked(value) for value in mark.values())
    if isinstance(mark, list):
        return any(_is_marked(value) for value in mark)
    return mark is True


def children(value: Any) -> Mapping[str, Any]:
    """Return the items of an object or a list by name or index; none of anything else."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        return {str(index): item for index, item in enumerate(value)}
    return {}


def child(value: Any, name: str, default: Any) -> Any:
    """Return one item of an object or a list."""
    return children(value).get(name, default)


def differing_leaves(
    path: tuple[str, ...], before: Any, after: Any, unknown: Any, hidden_before: Any, hidden_after: Any
) -> Iterable[tuple[tuple[str, ...], str | None, str | None]]:
    """Yield path, text before and text after of the leaves that differ.

    A mark on a whole value hides the whole value.
    """
    if before == after and not _is_marked(unknown) and hidden_before == hidden_after:
        return
    nested = any(isinstance(value, dict | list) and value for value in (before, after, unknown))
    whole = hidden_before is True or hidden_after is True or unknown is True
    same_kind = before in (None, _ABSENT) or after in (None, _ABSENT) or type(before) is type(after)
    if nested and not whole and same_kind:
        names = [*children(before), *(name for name in children(after) if name not in children(before))]
        names += [name for name in children(unknown) if name not in names]
        for name in names:
            yield from differing_leaves(
                (*path, name),
                child(before, name, _ABSENT),
                child(after, name, _ABSENT),
                child(unknown, name, False),
                child(hidden_before, name, False),
                child(hidden_after, name, False),
            )
        return
    shown_before = _shown(before, hidden=_is_marked(hidden_before))
    shown_after = UNKNOWN if unknown is True else _shown(after, hidden=_is_marked(hidden_after))
    if shown_before is None and shown_after is None:
        return
    if shown_before == shown_after and MASKED not in (shown_before, shown_after):
        if before == after:
            return
        # The number 1 and the string "1" differ.
        shown_before, shown_after = _json(before), _json(after)
    yield path, *_cut_both(shown_before, shown_after)


def _shown(value: Any, *, hidden: bool) -> str | None:
    if value is _ABSENT or value is None:
        return None
    return MASKED if hidden else value_text(value)


def path_text(path: Iterable[str]) -> str:
    """Return the path of an attribute as terraform writes it: ``tags.name``, ``list[2]``."""
    text = ""
    for part in path:
        text += f"[{part}]" if part.isdecimal() else (f".{part}" if text else part)
    return visible(text)


def _attributes(change: Mapping[str, Any]) -> tuple[Attribute, ...]:
    forced = {path_text(str(part) for part in path) for path in change.get("replace_paths") or ()}
    found = differing_leaves(
        (),
        change.get("before"),
        change.get("after"),
        change.get("after_unknown", False),
        change.get("before_sensitive", False),
        change.get("after_sensitive", False),
    )
    return tuple(
        Attribute(path_text(path), before, after, any(_is_within(path_text(path), name) for name in forced))
        for path, before, after in found
    )


def _is_within(path: str, name: str) -> bool:
    return path == name or path.startswith((f"{name}.", f"{name}["))


def read_plan(content: bytes) -> Plan | None:
    """Parse a plan from its ``show -json``; None if it is not a plan."""
    try:
        plan = json.loads(content)
        changes = []
        for row in plan.get("resource_changes") or ():
            before = str(row.get("previous_address") or "")
            moved_from = "" if before == row["address"] else before
            action = _action(row["change"]["actions"])
            if action is None and row["change"].get("importing"):
                action = Action.IMPORT
            elif action is None and moved_from:
                action = Action.MOVE
            if action is not None:
                changes.append(Change(visible(row["address"]), action, _attributes(row["change"]), visible(moved_from)))
        outputs = []
        for name, change in sorted((plan.get("output_changes") or {}).items()):
            if _action(change["actions"]) is None:
                continue
            found = _attributes(change)
            outputs += [
                Attribute(
                    f"{visible(name)}{'.' if row.path and not row.path.startswith('[') else ''}{row.path}",
                    row.before,
                    row.after,
                )
                for row in found
            ]
        order = list(Action)
        return Plan(tuple(sorted(changes, key=lambda row: (order.index(row.action), row.address))), tuple(outputs))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def read_outputs(content: bytes) -> tuple[Output, ...] | None:
    """Parse the outputs of a state from its ``show -json``; None if it is not a state."""
    try:
        values = json.loads(content).get("values") or {}
        return tuple(
            Output(
                visible(name),
                MASKED if row.get("sensitive") else cut(value_text(row.get("value"))),
                _type(row.get("type")),
                bool(row.get("sensitive")),
            )
            for name, row in sorted((values.get("outputs") or {}).items())
        )
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _type(value: Any) -> str:
    if isinstance(value, str):
        return visible(value)
    return visible(str(value[0])) if isinstance(value, list) and value else ""
