"""How many warm pods of each shape are wanted: as many as steps of it were launched lately, within the limits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Max, Q
from django.utils import timezone

from executors.choices import AttemptState
from executors.installation.settings import Installation
from executors.models import Attempt

_LACKS_ROOM = Q(step__job__reason_code="quota") | Q(step__job__reason_code__startswith="unschedulable")
"""Steps that wait for what warm pods may hold."""


@dataclass(frozen=True, slots=True)
class Use:
    """How many attempts of a shape were launched lately, and when the last of them was."""

    shape: str
    launches: int
    last_at: dt.datetime


def recent_use(conf: Installation, *, now: dt.datetime | None = None) -> list[Use]:
    """Return the shapes of the attempts launched within ``ExecutorWarmPodSeconds``."""
    since = (now or timezone.now()) - dt.timedelta(seconds=conf.warm_pod_seconds)
    rows = Attempt.objects.filter(launched_at__gt=since).exclude(shape="").order_by()
    grouped = rows.values_list("shape").annotate(launches=Count("pk"), last_at=Max("launched_at"))
    return [Use(*row) for row in grouped]


def wanted_pods(uses: Sequence[Use], *, limit: int, limit_of_a_shape: int) -> dict[str, int]:
    """Return the number of warm pods by shape.

    In turns, the most used shape first, each shape gets one more, until the limits are reached or it has one for each
    launch.
    """
    wanted: dict[str, int] = {}
    most_used = sorted(uses, key=lambda use: (-use.launches, -use.last_at.timestamp(), use.shape))
    for turn in range(1, limit_of_a_shape + 1):
        for use in most_used:
            if sum(wanted.values()) == limit:
                return wanted
            if use.launches >= turn:
                wanted[use.shape] = turn
    return wanted


def room(conf: Installation) -> int:
    """Return how many warm pods there may be now.

    There are none while a step waits for what they would hold, and no more than ``ExecutorMaxRunningSteps`` leaves.
    """
    opened = Attempt.objects.exclude(state=AttemptState.ENDED)
    if opened.filter(_LACKS_ROOM, claimed_at=None).exists():
        return 0
    if conf.max_running_steps is None:
        return conf.warm_pods
    return max(0, min(conf.warm_pods, conf.max_running_steps - opened.count()))


def last_attempt_of(shape: str) -> Attempt | None:
    """Return the last attempt that was launched with a shape, with its step; None if there is none any more."""
    attempts = Attempt.objects.filter(shape=shape, launched_at__isnull=False).select_related(
        "step__job__workspace__organization"
    )
    return attempts.order_by("-launched_at").first()
