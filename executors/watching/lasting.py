"""What a start means that lasts: some seconds of it are ordinary, and many tell of trouble; pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from executors.reasons import say
from executors.watching.diagnosis import Diagnosis, Kind
from executors.watching.words import spoken

NOT_TAKEN_SECONDS = 20
"""A kubelet writes its first word about a new pod within a second or two, on a busy node within a few more."""
FETCHING_SECONDS = (30, 60, 120, 300, 600, 1200)
"""After which it is said for how long an image has been fetched; so often, and not with every look."""


def lasting(found: Diagnosis, *, noted: dt.datetime, now: dt.datetime) -> tuple[Diagnosis, dt.datetime | None]:
    """What a diagnosis means by now, and when that changes next by time alone; None: not at all.

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
    said = say("node-unreachable")
    # No deadline of its own. The node may only be slow, and the cluster itself takes the pod from one that is gone.
    return replace(found, code=said.code, kind=Kind.STUCK, sentence=said.sentence, advice=said.advice), None


def _fetching(found: Diagnosis, since: dt.datetime, now: dt.datetime) -> tuple[Diagnosis, dt.datetime | None]:
    passed = (now - since).total_seconds()
    reached = max((seconds for seconds in FETCHING_SECONDS if seconds <= passed), default=None)
    following = min((seconds for seconds in FETCHING_SECONDS if seconds > passed), default=None)
    again_at = None if following is None else since + dt.timedelta(seconds=following)
    if reached is None:
        return found, again_at
    return replace(found, sentence=f"{found.sentence} for more than {spoken(reached)}"), again_at
