"""What is known of an open attempt after one look, and what follows from it; pure, so that a replay runs the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from executors.models import Attempt
from executors.watching.decisions import Act, Decision, Patience, decide
from executors.watching.diagnosis.over_time import lasting
from executors.watching.diagnosis.pods import Diagnosis, diagnose
from executors.watching.diagnosis.statuses import Seen
from workspaces.reasons import framed


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What earlier looks left behind. ``events`` are the last ones that were read and still hold."""

    seen: Diagnosis | None = None
    """Diagnosis from Job and pod alone."""
    found: Diagnosis | None = None
    """Diagnosis that also uses the pod's events."""
    events: Sequence[Seen] = ()


def understand(
    job: Seen | None, pods: Sequence[Seen] | None, *, events: Sequence[Seen], before: Memory
) -> tuple[Memory, Diagnosis, bool]:
    """Return what to remember of a look, its diagnosis, and whether that repeats an earlier one.

    It does where the cluster hides the cause now.
    """
    plain = diagnose(job, pods)
    found = diagnose(job, pods, events=events) if events else plain
    if not events and plain == before.seen and before.found is not None:
        # What its events told earlier still holds.
        found, events = before.found, before.events
    repeated = False
    if found.code == "image-back-off" and before.found is not None and before.found.code.startswith("image-"):
        # An older kubelet tells the cause only now and then.
        found, repeated = before.found, True
    return Memory(seen=plain, found=found, events=events), found, repeated


def with_peak(found: Diagnosis, peak_memory_bytes: int | None) -> Diagnosis:
    """Return the diagnosis with the memory that the executor used, if it ended for want of memory."""
    if not found.code.startswith("oom-killed") or not peak_memory_bytes or found.why.form == "peak":
        return found
    return replace(found, why=framed("peak", found.why, peak=f"{peak_memory_bytes / 2**20:.0f} MiB"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A decision, the diagnosis as of now, when time alone changes one of them, and what the decision rests on."""

    decision: Decision
    found: Diagnosis
    again_at: dt.datetime | None
    witnessed: bool


def judge(
    attempt: Attempt,
    found: Diagnosis,
    *,
    now: dt.datetime,
    noted: dt.datetime,
    limits: Patience,
    gone: bool,
    answering: bool | None,
    is_witnessed: Callable[[], bool],
) -> Judgement:
    """Decide about an open attempt; ``is_witnessed`` is called only where the answer matters. See ``decide``."""
    found, turns_at = lasting(found, noted=noted, now=now)
    look = partial(decide, attempt, found, now=now, noted=noted, limits=limits, gone=gone, answering=answering)
    decision, witnessed = look(), True
    if decision.act in {Act.REPLACE, Act.FAIL} and not is_witnessed():
        decision, witnessed = look(witnessed=False), False
    again_at = min((at for at in (decision.again_at, turns_at) if at is not None), default=None)
    return Judgement(decision=decision, found=found, again_at=again_at, witnessed=witnessed)
