"""Read what a cluster says of a Job and its pods; plain dicts in, no clock and no I/O."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.dateparse import parse_datetime

from executors.launching.manifest import ATTEMPT_LABEL, CONTAINER

type Seen = Mapping[str, Any]
"""An object as the cluster gave it."""


def when(text: Any) -> dt.datetime | None:
    """A time of the cluster; None for what is none, or the beginning of time that stands for none."""
    found = parse_datetime(text) if isinstance(text, str) else None
    return found if found is not None and found.year > 1970 else None


def attempt_of(seen: Seen) -> str:
    """The id of the attempt that an object is labelled with; empty without one."""
    return str(seen["metadata"].get("labels", {}).get(ATTEMPT_LABEL, ""))


def as_uuid(text: str) -> UUID | None:
    """An attempt's id for the database; None for a label that holds something else."""
    try:
        return UUID(text)
    except ValueError:
        return None


def is_leaving(seen: Seen) -> bool:
    """Whether an object was told to go and is there still."""
    return bool(seen["metadata"].get("deletionTimestamp"))


def condition(seen: Seen, kind: str, status: str = "True") -> Mapping[str, Any] | None:
    """The condition of a kind that has a status; None when it has another or is not there."""
    for found in seen.get("status", {}).get("conditions") or ():
        if found.get("type") == kind and found.get("status") == status:
            return found  # type: ignore[no-any-return]
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnd:
    """That a Job is over, which it is only once its pods are; ``at`` None when the cluster gave no time."""

    succeeded: bool
    reason: str
    message: str
    at: dt.datetime | None


def job_end(job: Seen) -> JobEnd | None:
    """How a Job ended; None while it has not."""
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
    """Whether none of a pod's containers runs or will."""
    return pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}


def is_taken(pod: Seen) -> bool:
    """Whether the kubelet of a pod's node has said anything of it: a start time and statuses come from nobody else."""
    status = pod.get("status", {})
    return any(status.get(name) for name in ("startTime", "containerStatuses", "initContainerStatuses"))


def newest(pods: Sequence[Seen]) -> Seen | None:
    """The pod to look at: one that is not leaving before one that is, then the younger."""
    return max(
        pods, key=lambda pod: (not is_leaving(pod), pod["metadata"].get("creationTimestamp") or ""), default=None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A pod's executor; one of its three states is not None, or none is when the kubelet said nothing yet."""

    image: str
    waiting: Mapping[str, Any] | None
    running: Mapping[str, Any] | None
    terminated: Mapping[str, Any] | None
    memory_limit: str

    @property
    def started_at(self) -> dt.datetime | None:
        return when((self.running or self.terminated or {}).get("startedAt"))


def container(pod: Seen) -> Container:
    """The executor's container of a pod."""
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
    # A sidecar that a webhook puts in comes with a name of its own.
    found: dict[str, Mapping[str, Any]] = {one.get("name", ""): one for one in containers or ()}
    return found.get(CONTAINER, {})


def trimmed(seen: dict[str, Any]) -> dict[str, Any]:
    """An object without the bulk that nobody here reads; changes what it is given."""
    seen["metadata"].pop("managedFields", None)
    seen["metadata"].pop("annotations", None)
    spec = seen.get("spec", {})
    spec.pop("template", None)
    for bulk in ("volumes", "tolerations", "affinity"):
        spec.pop(bulk, None)
    for one in spec.get("containers") or ():
        # The environment may hold an attempt's one-time token.
        one.pop("env", None)
        one.pop("envFrom", None)
    return seen
