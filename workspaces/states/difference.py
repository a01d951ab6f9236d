"""How two states differ: resources that were added, removed or changed, with the changed attributes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any

from django.utils.translation import pgettext_lazy

from terrakube_site.visible import visible
from workspaces.jobs.plans import MASKED, Attribute, differing_leaves, path_text
from workspaces.states.content import Instance, StateContent
from workspaces.states.secrets import Secrets

AT_MOST = 300
"""Resources, and attributes of each, that are listed; more are counted."""


class Kind(StrEnum):
    """What became of a resource from one state to the other."""

    REMOVED = "removed"
    ADDED = "added"
    CHANGED = "changed"

    @property
    def label(self) -> str:
        """Return the label for users."""
        return str(_LABELS[self])

    @property
    def tone(self) -> str:
        return {"removed": "bad", "added": "good"}.get(self, "attention")


_LABELS: dict[Kind, Any] = {
    Kind.REMOVED: pgettext_lazy("a resource between two states", "Removed"),
    Kind.ADDED: pgettext_lazy("a resource between two states", "Added"),
    Kind.CHANGED: pgettext_lazy("a resource between two states", "Changed"),
}


@dataclass(frozen=True, slots=True)
class ResourceDifference:
    """One resource; ``attributes`` are those that changed, of ``more`` others only the number is given."""

    address: str
    kind: Kind
    attributes: tuple[Attribute, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """``resources`` by kind and address, ``more`` of them are left out. Without ``with_values`` no value is shown."""

    resources: tuple[ResourceDifference, ...]
    outputs: tuple[Attribute, ...]
    counts: tuple[tuple[Kind, int], ...]
    more: int
    with_values: bool


def difference(before: StateContent, after: StateContent) -> Difference:
    """Compare two states.

    Values are shown only where both have complete marks of what is sensitive, and not too much is.
    """
    secrets = before.secrets | after.secrets
    with_values = before.described and after.described and not secrets.are_too_many
    old, new = before.instances, after.instances
    kinds = [(Kind.REMOVED, name) for name in sorted(old.keys() - new.keys())]
    kinds += [(Kind.ADDED, name) for name in sorted(new.keys() - old.keys())]
    kinds += [(Kind.CHANGED, name) for name in sorted(old.keys() & new.keys()) if old[name].raw != new[name].raw]
    shown = [
        _changed(old[name], new[name], secrets, with_values=with_values)
        if kind is Kind.CHANGED
        else ResourceDifference(visible(name), kind)
        for kind, name in kinds[:AT_MOST]
    ]
    names = [kind for kind, _name in kinds]
    return Difference(
        resources=tuple(shown),
        outputs=tuple(_outputs(before, after, secrets)),
        counts=tuple((kind, names.count(kind)) for kind in Kind if kind in names),
        more=max(len(kinds) - AT_MOST, 0),
        with_values=with_values,
    )


def _changed(old: Instance, new: Instance, secrets: Secrets, *, with_values: bool) -> ResourceDifference:
    if not with_values or old.hidden is True or new.hidden is True:
        return ResourceDifference(visible(new.address), Kind.CHANGED, tuple(_names(old.raw, new.raw)))
    rows = differing_leaves(
        (), old.values, new.values, False, secrets.marks(old.values, old.hidden), secrets.marks(new.values, new.hidden)
    )
    found = [Attribute(path_text(path), text, other) for path, text, other in rows]
    return ResourceDifference(visible(new.address), Kind.CHANGED, tuple(found[:AT_MOST]), max(len(found) - AT_MOST, 0))


def _names(old: Any, new: Any) -> Iterator[Attribute]:
    """Yield the attributes that differ, by the names of the schema alone: any value below may be sensitive."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return
    names = (name for name in sorted({*old, *new}) if old.get(name) != new.get(name))
    for name in islice(names, AT_MOST):
        before, after = (None if value.get(name) is None else MASKED for value in (old, new))
        yield Attribute(path_text((name,)), before, after)


def _outputs(before: StateContent, after: StateContent, secrets: Secrets) -> Iterator[Attribute]:
    old, new = before.given_outputs, after.given_outputs
    for name in sorted({*old, *new}):
        one, other = old.get(name), new.get(name)
        hidden = bool((one and one.sensitive) or (other and other.sensitive))
        value = {"": one.value} if one else {}
        later = {"": other.value} if other else {}
        marks = secrets.marks(value, {"": hidden}), secrets.marks(later, {"": hidden})
        for path, text, text_later in islice(differing_leaves((), value, later, False, *marks), AT_MOST):
            inner = path_text(path[1:])
            separator = "." if inner and not inner.startswith("[") else ""
            yield Attribute(f"{visible(name)}{separator}{inner}", text, text_later)
