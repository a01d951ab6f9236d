"""Timeline of an attempt from its Job's pods, with the cluster's own times; pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from executors.choices import EventKind
from executors.cluster.conditions import condition
from executors.watching.diagnosis.statuses import Seen, container, newest, when


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an attempt's timeline."""

    kind: EventKind
    detail: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Place:
    """The pod and the node of an attempt, "" while unknown."""

    pod: str = ""
    node: str = ""


def place(pods: Sequence[Seen] | None) -> Place:
    """Return where an attempt runs, if pods may be read."""
    pod = newest(pods or ())
    if pod is None:
        return Place()
    return Place(str(pod["metadata"]["name"]), str(pod["spec"].get("nodeName") or ""))


def entries(pods: Sequence[Seen] | None) -> tuple[Entry, ...]:
    """Return the known events, oldest first.

    No status says when an image was pulled, so its entry has the start time of the container, the first time at
    which the image is known to be there.
    """
    pod = newest(pods or ())
    if pod is None:
        return ()
    found = []
    scheduled = condition(pod, "PodScheduled")
    at = when(scheduled.get("lastTransitionTime")) if scheduled is not None else None
    if at is not None:
        found.append(Entry(EventKind.SCHEDULED, str(pod["spec"].get("nodeName") or ""), at))
    one = container(pod)
    if one.started_at is not None:
        found.append(Entry(EventKind.IMAGE, one.image, one.started_at))
        found.append(Entry(EventKind.STARTED, str(pod["metadata"]["name"]), one.started_at))
    return tuple(found)
