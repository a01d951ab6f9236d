"""Read the conditions of an object of the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def condition(seen: Mapping[str, Any], kind: str, status: str = "True") -> Mapping[str, Any] | None:
    """Return the condition of this type with this status, None without one."""
    for found in seen.get("status", {}).get("conditions") or ():
        if found.get("type") == kind and found.get("status") == status:
            return found  # type: ignore[no-any-return]
    return None


def silent_node(pod: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the condition which says that the node of a started pod does not answer, None if it does.

    The kubelet never says this; the control plane does in its place when the node is silent.
    """
    return condition(pod, "Ready", "False") if condition(pod, "ContainersReady") else None
