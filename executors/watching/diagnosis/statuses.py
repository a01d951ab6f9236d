"""Read the status of a Job and its pods; plain dicts in, no clock and no I/O."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.dateparse import parse_datetime

from executors.cluster.conditions import condition
from executors.launching.manifest import ATTEMPT_LABEL, CONTAINER

type Seen = Mapping[str, Any]
"""An object as the cluster returned it."""


def when(text: Any) -> dt.datetime | None:
    """Parse a time of the cluster; None if it is invalid or the zero time."""
    found = parse_datetime(text) if isinstance(text, str) else None
    return found if found is not None and found.year > 1970 else None


def attempt_of(seen: Seen) -> str:
    """Return the attempt id in an object's labels, "" without one."""
    return str(seen["metadata"].get("labels", {}).get(ATTEMPT_LABEL, ""))


def as_uuid(text: str) -> UUID | None:
    """Parse an attempt id for the database; None if the label holds something else."""
    try:
        return UUID(text)
    except ValueError:
        return None


def is_leaving(seen: Seen) -> bool:
    """Return True if an object is being deleted but still exists."""
    return bool(seen["metadata"].get("deletionTimestamp"))


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnd:
    """The end of a Job, which comes only after its pods have ended; ``at`` None if the cluster gave no time."""

    succeeded: bool
    reason: str
    message: str
    at: dt.datetime | None


def job_end(job: Seen) -> JobEnd | None:
    """Return how a Job ended, None while it has not."""
    for kind, succeeded in (("Complete", True), ("Failed", False)):
        found = condition(job, kind)
        if found is not None:
            return JobEnd(
                succeeded=succeeded,
                reason=str(found.get("reason", "")),
                message=str(found.get("message", "")),
                at=when(found.get("lastTransitionTime")),
            )
    return None


def is_pod_over(pod: Seen) -> bool:
    """Return True if no container of a pod runs or will run."""
    return pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}


def is_outlived(pod: Seen) -> bool:
    """Return True if the executor's container has ended for certain while another one, such as a sidecar, runs on."""
    ended = container(pod).terminated
    if ended is None or ended.get("reason") == "ContainerStatusUnknown" or is_pod_over(pod):
        return False
    statuses = pod["status"]["containerStatuses"]
    return any(one["name"] != CONTAINER and "terminated" not in (one.get("state") or {}) for one in statuses)


def is_taken(pod: Seen) -> bool:
    """Return True if the kubelet of the pod's node has accepted it: only a kubelet writes a start time and statuses."""
    status = pod.get("status", {})
    return any(status.get(name) for name in ("startTime", "containerStatuses", "initContainerStatuses"))


def newest(pods: Sequence[Seen]) -> Seen | None:
    """Return the pod that counts: one that is not being deleted first, then the youngest."""
    return max(
        pods, key=lambda pod: (not is_leaving(pod), pod["metadata"].get("creationTimestamp") or ""), default=None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A pod's executor container; at most one of its three states is set, none before the kubelet's first status."""

    image: str
    waiting: Mapping[str, Any] | None
    running: Mapping[str, Any] | None
    terminated: Mapping[str, Any] | None
    memory_limit: str

    @property
    def started_at(self) -> dt.datetime | None:
        return when((self.running or self.terminated or {}).get("startedAt"))


def container(pod: Seen) -> Container:
    """Return the executor's container of a pod."""
    spec = _named(pod["spec"].get("containers"))
    status = _named(pod.get("status", {}).get("containerStatuses"))
    state = status.get("state") or {}
    return Container(
        image=str(spec.get("image", "")),
        waiting=state.get("waiting"),
        running=state.get("running"),
        terminated=state.get("terminated"),
        memory_limit=str(((spec.get("resources") or {}).get("limits") or {}).get("memory", "")),
    )


def _named(containers: Any) -> Mapping[str, Any]:
    # A sidecar injected by a webhook has a name of its own.
    found: dict[str, Mapping[str, Any]] = {one.get("name", ""): one for one in containers or ()}
    return found.get(CONTAINER, {})


def trimmed(seen: dict[str, Any]) -> dict[str, Any]:
    """Drop the bulk of an object that is never read; changes its argument."""
    seen["metadata"].pop("managedFields", None)
    seen["metadata"].pop("annotations", None)
    spec = seen.get("spec", {})
    spec.pop("template", None)
    for bulk in ("volumes", "tolerations", "affinity"):
        spec.pop(bulk, None)
    for one in spec.get("containers") or ():
        # The environment may contain an attempt's one-time token.
        one.pop("env", None)
        one.pop("envFrom", None)
    return seen
