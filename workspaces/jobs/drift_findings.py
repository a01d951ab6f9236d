"""Read from a plan's ``show -json`` what was changed outside of Terraform; pure, and without any value.

A full plan is read, and not a refresh-only one. Both say in ``resource_drift`` what differs from the state, but only a
full plan says whether an apply would change it back: what the configuration leaves alone (a counter, a timestamp, an
attribute under ``ignore_changes``) would else be drift for ever. What only the configuration changes is no drift; it
waits to be applied and is counted apart.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

from django.utils.translation import pgettext_lazy

from terrakube_site.visible import visible


class Deed(StrEnum):
    """What happened to a resource outside of Terraform."""

    DELETED = "deleted"
    CHANGED = "changed"

    @property
    def label(self) -> str:
        """Return the label for users."""
        return str(_LABELS[self])


_LABELS: dict[Deed, Any] = {
    Deed.DELETED: pgettext_lazy("what happened to a resource outside of Terraform", "Deleted"),
    Deed.CHANGED: pgettext_lazy("what happened to a resource outside of Terraform", "Changed"),
}


@dataclass(frozen=True, slots=True, order=True)
class DriftedResource:
    """A resource that drifted; its address is safe to show."""

    address: str
    deed: Deed

    def as_json(self) -> dict[str, str]:
        """Return the resource as it is stored."""
        return {"address": self.address, "action": str(self.deed)}


def stored_resources(rows: Iterable[Mapping[str, str]]) -> list[DriftedResource]:
    """Return the resources of a stored list."""
    return [DriftedResource(row["address"], Deed(row["action"])) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a plan says of drift; ``pending_changes`` counts the changes that only the configuration makes."""

    resources: tuple[DriftedResource, ...] = ()
    pending_changes: int = 0

    @property
    def fingerprint(self) -> str:
        """Return a fingerprint of what drifted, "" for nothing: equal drift is told once."""
        if not self.resources:
            return ""
        text = "\n".join(f"{row.deed} {row.address}" for row in self.resources)
        return sha256(text.encode()).hexdigest()


def read_findings(content: bytes) -> Findings | None:
    """Read a full plan; None if it is not a plan, or one that ended with an error."""
    try:
        plan = json.loads(content)
        if plan.get("errored") or "format_version" not in plan:
            return None
        changed = {row["address"] for row in plan.get("resource_changes") or () if _changes(row)}
        drifted = {
            row["address"]: Deed.DELETED if "delete" in row["change"]["actions"] else Deed.CHANGED
            for row in plan.get("resource_drift") or ()
            if row["address"] in changed and _changes(row)
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    resources = sorted(DriftedResource(visible(address), deed) for address, deed in drifted.items())
    return Findings(resources=tuple(resources), pending_changes=len(changed - drifted.keys()))


def _changes(row: Mapping[str, Any]) -> bool:
    """Return whether a row of a plan is a change of a resource; reading a data source is none."""
    return bool(set(row["change"]["actions"]) & {"create", "update", "delete", "forget"})
