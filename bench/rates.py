"""Whether a site holds a rate: pure, over what was seen of each step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.figures import percentile

_BUSY = 0.9
"""A process that takes so much of one core, or a machine so much of all, has nothing left to give."""
_MADE = 0.9
"""The share of a rate that must come of it; the last steps of a feed may be under way."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A step's wait for its Kubernetes Job, in seconds since the first was due; ``ended`` is None if it waits yet."""

    begun: float
    ended: float | None

    @property
    def seconds(self) -> float:
        return math.inf if self.ended is None else self.ended - self.begun


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``rate`` is the steps a second that got a Job while they were fed; ``queued`` those that waited in the end."""

    held: bool
    rate: float
    queued: int
    p90: float


def judge(waits: Sequence[Wait], *, rate: float, seconds: float, bound: float) -> Verdict:
    """Say whether a rate was held: 90 of 100 steps wait less than ``bound`` seconds, no longer queue is left, and nine
    tenths of the rate got a Job.

    The second finds a queue that grows so slowly that the first waits are still short, the third a cluster that runs
    plans so slowly that few applies are ever due. ``seconds`` is how long steps were fed. Raises ValueError if there
    was none.
    """
    if not waits:
        raise ValueError("no step was fed")
    made = sum(1 for wait in waits if wait.ended is not None and wait.ended <= seconds)
    queued = sum(1 for wait in waits if wait.begun <= seconds and (wait.ended is None or wait.ended > seconds))
    p90 = percentile([wait.seconds for wait in waits], 0.9)
    held = p90 < bound and queued <= max(1.0, rate * bound) and made >= _MADE * rate * seconds
    return Verdict(held=held, rate=made / seconds, queued=queued, p90=p90)


def bottleneck(
    shares: Mapping[str, float], *, busy: float, single: Sequence[str], rate: float = 0.0, alone: float = math.inf
) -> str:
    """Say in words what has nothing left to give.

    ``shares`` are cores that each part used, ``busy`` the share of all cores that anything used, ``single`` the parts
    that cannot use more than one core. ``alone`` is how many Jobs a second the cluster runs to their end without the
    site, of the ``rate`` that it was given.
    """
    full = [name for name in single if shares.get(name, 0.0) >= _BUSY]
    if full:
        return f"{' and '.join(full)}: one process, which takes a whole core"
    most = max(shares, key=lambda name: shares[name], default="")
    if busy >= _BUSY:
        return f"the processors of the machine; {most} takes most"
    if alone < _MADE * rate:
        # Its calls to the API server are 20 a second unless it is told otherwise, and a Job takes some five.
        return f"the cluster runs {alone:.1f} bare Jobs a second; see --kube-api-qps of its controller manager"
    return f"none: processors were left over; {most} takes most"
