"""What is there in the installation's namespace, by attempt: from a list, or from a watch that keeps it up to date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from executors.launching.manifest import ATTEMPT_LABEL, MANAGED_BY, MANAGED_BY_LABEL
from executors.watching.statuses import Seen, attempt_of, trimmed

if TYPE_CHECKING:
    from executors.cluster.api import Cluster

SELECTOR = f"{MANAGED_BY_LABEL}={MANAGED_BY},{ATTEMPT_LABEL}"
"""Ours alone: both labels, as every Job and pod of an attempt has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The Jobs and pods of a namespace by their attempt's id.

    ``pods`` None: this service account may not see them. ``departed`` are pods that are gone, as they were last seen.
    """

    namespace: str
    jobs: Mapping[str, Seen]
    pods: Mapping[str, Sequence[Seen]] | None
    departed: Mapping[str, Seen] = field(default_factory=dict)

    def pods_of(self, attempt_id: str) -> Sequence[Seen] | None:
        return None if self.pods is None else self.pods.get(attempt_id, ())


def grouped(pods: Iterable[dict[str, Any]]) -> dict[str, list[Seen]]:
    """Pods by attempt."""
    found: dict[str, list[Seen]] = {}
    for pod in pods:
        found.setdefault(attempt_of(pod), []).append(pod)
    return found


def may_see_pods(api: Cluster, namespace: str) -> bool:
    """Whether this service account has the optional right to look at pods."""
    return api.may("list", "pods", namespace) and api.may("watch", "pods", namespace)


def list_view(api: Cluster, namespace: str) -> View:
    """Look once. Raises ClusterError."""
    # Jobs first: where there is no Job there will be no pod either, so then the absence of both proves something.
    jobs = {attempt_of(job): trimmed(job) for job in api.list_jobs(namespace, SELECTOR)[0]}
    pods = None
    if may_see_pods(api, namespace):
        pods = grouped(trimmed(pod) for pod in api.list_pods(namespace, SELECTOR)[0])
    return View(namespace=namespace, jobs=jobs, pods=pods)
