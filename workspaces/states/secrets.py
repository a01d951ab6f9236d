"""Marks of sensitive values, and the values themselves, so that their copies are hidden too.

Terraform marks a value where it came from a sensitive one, but not where a provider returned it: the ``output`` of a
``terraform_data`` shows plainly what its ``input`` hides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from workspaces.jobs.plans import child, children

MOST = 500
"""Sensitive values that are looked for in others; with more, every other value counts as one that holds them."""
_SHORTEST_PART = 4
"""Length of the shortest sensitive text that is looked for inside of other texts; a shorter one hides equal ones."""


def tree_of(paths: Iterable[Any]) -> Any:
    """Return marks as in ``show -json`` from the ``sensitive_attributes`` of a state."""
    found: dict[str, Any] = {}
    for path in paths:
        names = [_name(step) for step in path]
        if not names:
            return True
        at: dict[str, Any] = found
        for name in names[:-1]:
            below = at.setdefault(name, {})
            if below is True:
                break
            at = below
        else:
            at[names[-1]] = True
    return found


def _name(step: Mapping[str, Any]) -> str:
    value = step["value"]
    # An index has its type beside it.
    return str(value["value"] if isinstance(value, dict) else value)


def merged(one: Any, other: Any) -> Any:
    """Return the marks of two trees together."""
    if one is True or other is True:
        return True
    names = {*children(one), *children(other)}
    return {name: merged(child(one, name, False), child(other, name, False)) for name in names}


class Secrets:
    """Sensitive values of states."""

    def __init__(self) -> None:
        self._whole: set[str] = set()

    def collect(self, value: Any, marks: Any) -> None:
        """Add what ``marks`` cover of a value."""
        if marks is True:
            self._add(value)
        elif marks:
            for name, item in children(value).items():
                self.collect(item, child(marks, name, False))

    def _add(self, value: Any) -> None:
        if isinstance(value, dict | list):
            for item in children(value).values():
                self._add(item)
        elif value not in (None, "") and not isinstance(value, bool):
            self._whole.add(str(value))

    def __or__(self, other: Secrets) -> Secrets:
        found = Secrets()
        found._whole = self._whole | other._whole
        return found

    @property
    def are_too_many(self) -> bool:
        """Whether a search for all of them would take too long."""
        return len(self._whole) > MOST

    def is_in(self, value: Any) -> bool:
        """Return whether a value holds a sensitive one anywhere, also in the name of an item."""
        if self.are_too_many:
            return True
        if isinstance(value, dict):
            return any(self._is_in_text(str(name)) or self.is_in(item) for name, item in value.items())
        if isinstance(value, list):
            return any(self.is_in(item) for item in value)
        return value is not None and not isinstance(value, bool) and self._is_in_text(str(value))

    def _is_in_text(self, text: str) -> bool:
        return text in self._whole or any(len(part) >= _SHORTEST_PART and part in text for part in self._whole)

    def marks(self, value: Any, marks: Any) -> Any:
        """Return ``marks`` with copies of sensitive values marked as well."""
        if marks is True or not isinstance(value, dict | list):
            return marks is True or self.is_in(value)
        if isinstance(value, dict) and any(self._is_in_text(str(name)) for name in value):
            return True
        return {name: self.marks(item, child(marks, name, False)) for name, item in children(value).items()}
