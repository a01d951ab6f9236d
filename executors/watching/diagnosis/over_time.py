"""Diagnosis of a start by its duration: normal for some seconds, a problem after many; pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from executors.watching.diagnosis.pods import Diagnosis, Kind
from executors.watching.diagnosis.wording import spoken
from workspaces.reasons import framed, reason

NOT_TAKEN_SECONDS = 20
"""A kubelet writes its first status of a new pod within a second or two, on a busy node a few seconds later."""
FETCHING_SECONDS = (30, 60, 120, 300, 600, 1200)
"""Durations at which a running image pull is reported, to avoid a report at every look."""


def lasting(found: Diagnosis, *, noted: dt.datetime, now: dt.datetime) -> tuple[Diagnosis, dt.datetime | None]:
    """Return the diagnosis as of now, and when time alone changes it next; None: never.

    ``noted`` is when it was first made, by this site's own clock.
    """
    if found.code == "not-taken":
        return _not_taken(found, noted=noted, now=now)
    if found.code == "image-pulling" and found.since is not None:
        return _fetching(found, found.since, now)
    return found, None


def _not_taken(found: Diagnosis, *, noted: dt.datetime, now: dt.datetime) -> tuple[Diagnosis, dt.datetime | None]:
    due = noted + dt.timedelta(seconds=NOT_TAKEN_SECONDS)
    if now < due:
        return found, due
    # No deadline of its own: the node may only be slow, and the cluster itself removes a pod from a lost node.
    return replace(found, why=reason("node-unreachable"), kind=Kind.STUCK), None


def _fetching(found: Diagnosis, since: dt.datetime, now: dt.datetime) -> tuple[Diagnosis, dt.datetime | None]:
    passed = (now - since).total_seconds()
    reached = max((seconds for seconds in FETCHING_SECONDS if seconds <= passed), default=None)
    following = min((seconds for seconds in FETCHING_SECONDS if seconds > passed), default=None)
    again_at = None if following is None else since + dt.timedelta(seconds=following)
    if reached is None:
        return found, again_at
    return replace(found, why=framed("lasting", found.why, span=spoken(reached))), again_at
