"""The Jobs and pods of the installation's namespace by attempt: from one list, or kept up to date by a watch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from executors.launching.manifest import ATTEMPT_LABEL, MANAGED_BY, MANAGED_BY_LABEL
from executors.watching.diagnosis.statuses import Seen, attempt_of

if TYPE_CHECKING:
    from executors.cluster.api import Cluster

SELECTOR = f"{MANAGED_BY_LABEL}={MANAGED_BY},{ATTEMPT_LABEL}"
"""Selects our objects: every Job and pod of an attempt has both labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSnapshot:
    """The Jobs and pods of a namespace by attempt id.

    ``pods`` None: this service account may not read them. ``departed`` are deleted pods in their last seen state.
    """

    namespace: str
    jobs: Mapping[str, Seen]
    pods: Mapping[str, Sequence[Seen]] | None
    departed: Mapping[str, Seen] = field(default_factory=dict)

    def pods_of(self, attempt_id: str) -> Sequence[Seen] | None:
        return None if self.pods is None else self.pods.get(attempt_id, ())


def group_by_attempt(pods: Iterable[dict[str, Any]]) -> dict[str, list[Seen]]:
    """Group pods by attempt."""
    found: dict[str, list[Seen]] = {}
    for pod in pods:
        found.setdefault(attempt_of(pod), []).append(pod)
    return found


def may_see_pods(api: Cluster, namespace: str) -> bool:
    """Return True if this service account has the optional right to read pods."""
    return api.may("list", "pods", namespace) and api.may("watch", "pods", namespace)
