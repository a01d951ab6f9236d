"""Decide what to do about an open attempt from what is observed; pure, so that a test can state every case."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from executors.choices import UNCLAIMED, AttemptState
from executors.installation.settings import Installation
from executors.models import Attempt
from executors.watching.diagnosis import exits
from executors.watching.diagnosis.pods import Diagnosis, Kind, Wait
from executors.watching.diagnosis.wording import spoken
from workspaces.choices import EXCLUSIVE_TYPES
from workspaces.reasons import NONE, Reason, framed, reason

BEATS_SINCE = (2, 33)
"""First version of Terrakube's executor with a heartbeat."""

WARM_CLAIM_SECONDS = 5.0
"""Timeout of a warm pod's claim. It asked for its attempt a moment before it got it, so silence means that it is gone,
and the step must not be later than without it.
"""

UNANSWERED_CLAIM_SECONDS = 150.0
"""Timeout while this site does not answer at the address that pods are given.

Longer than an executor tries to claim (120 s): it may still succeed when the site is back.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Timeout for each wait, in seconds."""

    waits: Mapping[Wait, float] = field(
        default_factory=lambda: {
            Wait.START: 600.0,
            Wait.IMAGE: 60.0,
            Wait.REFERENCE: 60.0,
            Wait.SCHEDULING: 600.0,
            Wait.NODE: 1200.0,
            Wait.CLAIM: 60.0,
        }
    )
    report_seconds: float = 5
    """From the end of a Job to the report of its executor, which may still be on its way."""
    missing_seconds: float = 5
    """From the first look that finds no Job to the second, which counts."""
    ordinary_seconds: float = 3
    """A normal stage of a start is reported only after this time."""
    lost_after_seconds: float = 900
    terrakube: bool = False
    """True if new pods run Terrakube's own executor."""
    terrakube_beats: bool = False
    """True if that executor sends heartbeats while it works, as it does since 2.33."""
    step_seconds: float = 21_600
    ending_seconds: float = 150
    """Grace period of a pod, after which its node kills it."""
    ending_change_seconds: float = 330
    """The same for a step that may change something."""

    def for_attempt(self, attempt: Attempt) -> Patience:
        """Return the timeouts of one attempt: those of its organization and workspace, and what its step needs."""
        changes = attempt.step.type in EXCLUSIVE_TYPES
        own = attempt.deadlines
        if not own and not changes:
            return self
        waits = {wait: min(seconds, own.get(_NAMES.get(wait, ""), seconds)) for wait, seconds in self.waits.items()}
        return replace(
            self,
            waits=waits,
            lost_after_seconds=min(self.lost_after_seconds, own.get("silence_seconds", self.lost_after_seconds)),
            step_seconds=min(self.step_seconds, own.get("step_seconds", self.step_seconds)),
            ending_seconds=self.ending_change_seconds if changes else self.ending_seconds,
        )


_NAMES = {
    Wait.IMAGE: "image_seconds",
    Wait.REFERENCE: "reference_seconds",
    Wait.SCHEDULING: "unschedulable_seconds",
    Wait.CLAIM: "claim_seconds",
}
"""Timeouts that organizations and workspaces may lower; the one for a node being added is not among them."""


def patience(conf: Installation) -> Patience:
    """Return the timeouts that the installation sets."""
    start = float(conf.start_timeout_seconds)
    return Patience(
        waits={
            Wait.START: start,
            Wait.IMAGE: float(conf.image_seconds),
            Wait.REFERENCE: float(conf.reference_seconds),
            Wait.SCHEDULING: float(conf.unschedulable_seconds),
            Wait.NODE: float(max(conf.node_wait_seconds, conf.unschedulable_seconds)),
            Wait.CLAIM: float(conf.claim_seconds),
        },
        lost_after_seconds=conf.lost_after_seconds,
        terrakube=conf.is_terrakube_image,
        terrakube_beats=conf.terrakube_version is not None and conf.terrakube_version >= BEATS_SINCE,
        step_seconds=conf.deadline_seconds,
        ending_seconds=conf.termination_grace_seconds(may_change=False),
        ending_change_seconds=conf.termination_grace_seconds(may_change=True),
    )


class Act(enum.StrEnum):
    """What to do with an open attempt."""

    NOTHING = "nothing"
    EXPLAIN = "explain"
    """Show on the step what it waits for."""
    MISS = "miss"
    """Record that its Job is missing, and look again."""
    REPLACE = "replace"
    """Fence it and open the next attempt."""
    FAIL = "fail"
    """End it before its executor began: a replacement would fail too."""
    LOSE = "lose"
    """End it as lost: its executor had begun."""
    CANCELLED = "cancelled"
    """End it: it was told to stop, and is gone."""
    DOUBT = "doubt"
    """End it as one that may have begun: no claim is known, but nothing proves that nothing ran."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do, why, and when to look again without a change; ``again_at`` None: no time matters."""

    act: Act
    why: Reason = NONE
    again_at: dt.datetime | None = None


def decide(
    attempt: Attempt,
    found: Diagnosis,
    *,
    now: dt.datetime,
    noted: dt.datetime,
    limits: Patience,
    gone: bool,
    answering: bool | None = None,
    witnessed: bool = True,
) -> Decision:
    """Decide about an open attempt.

    ``noted`` is when this diagnosis was first made, for diagnoses that the cluster gives no time for. ``gone``: the
    executor is proved to run no more. ``answering``: whether this site answers at the address that pods are given;
    None if unchecked. ``witnessed``: whether the watcher has run since the launch and no database was restored
    meanwhile, so that a missing claim means that there was none.
    """
    limits = limits.for_attempt(attempt)
    if attempt.state == AttemptState.NEW:
        # Its launch is still in progress: it adopts the Job, or reports the error.
        return Decision(act=Act.NOTHING)
    if attempt.state in UNCLAIMED:
        decision = _decide_unclaimed(attempt, found, now=now, noted=noted, limits=limits, answering=answering)
        return _decide_by_proof(decision, found, witnessed=witnessed, terrakube=limits.terrakube)
    if attempt.state == AttemptState.INTERRUPTING:
        return _interrupting(attempt, found, now=now, limits=limits, gone=gone)
    return _decide_claimed(attempt, found, now=now, limits=limits, gone=gone)


def _after(moment: dt.datetime, seconds: float) -> dt.datetime:
    return moment + dt.timedelta(seconds=seconds)


def _why(attempt: Attempt, found: Diagnosis, limits: Patience) -> Reason:
    """Return the sentence for a Job that is over."""
    if found.code == exits.RESULT_MISSING and (
        attempt.claimed_by_report or (attempt.claimed_at is None and limits.terrakube)
    ):
        return reason(exits.RESULT_MISSING, "terrakube-without-result")
    return found.why.with_advice()


def _decide_ended(found: Diagnosis, why: Reason | None = None) -> Decision:
    if found.wait == Wait.CLAIM:
        return Decision(act=Act.REPLACE, why=reason("not-claimed").with_advice())
    return Decision(act=Act.REPLACE if found.why.may_retry else Act.FAIL, why=why or found.why.with_advice())


_HOW_IT_ENDED = {
    exits.RESULT_MISSING: "end-succeeded",
    "step-failed": "end-failed",
    "stopped": "end-stopped",
    "result-not-delivered": "end-not-delivered",
    "fenced": "end-fenced",
}


def _decide_by_proof(decision: Decision, found: Diagnosis, *, witnessed: bool, terrakube: bool) -> Decision:
    """Decide what becomes of an ended, unclaimed attempt, by the proof that it had not begun.

    A restored database knows no claim made after its backup. So any sign of a claim outweighs the database, and
    without any sign only a watcher that ran all the time may rely on it.
    """
    if decision.act not in {Act.REPLACE, Act.FAIL}:
        return decision
    # Terrakube's own executor exits with 0 at any time.
    claimed = found.claimed and not (terrakube and found.code == exits.RESULT_MISSING)
    if claimed and not (witnessed and found.code == exits.RESULT_MISSING):
        if found.kind not in {Kind.SUCCEEDED, Kind.FAILED, Kind.MISSING}:
            # Its Job will be over in a moment, and the Job counts.
            return Decision(act=Act.NOTHING)
        known = _HOW_IT_ENDED.get(found.code)
        end = reason("", known) if known is not None else framed("end-other", found.why)
        return Decision(act=Act.DOUBT, why=reason("claimed-before", end=end).with_advice())
    if decision.act == Act.REPLACE and found.claimed is None and not witnessed:
        return Decision(act=Act.DOUBT, why=framed("unproved", decision.why))
    return decision


def _decide_unclaimed(
    attempt: Attempt,
    found: Diagnosis,
    *,
    now: dt.datetime,
    noted: dt.datetime,
    limits: Patience,
    answering: bool | None,
) -> Decision:
    if found.kind in {Kind.SUCCEEDED, Kind.FAILED}:
        return _decide_ended(found, _why(attempt, found, limits))
    if found.kind == Kind.ENDING:
        # A fenced pod may take its time to go; for one past its deadline, wait until the Job says so.
        return _decide_ended(found) if found.why.may_retry else Decision(act=Act.NOTHING)
    if found.kind == Kind.MISSING:
        return _missing(attempt, found, now=now, limits=limits)
    launched = attempt.launched_at or attempt.created_at
    since = found.since or noted
    seconds = limits.waits[found.wait]
    if found.wait == Wait.CLAIM and attempt.started_warm:
        since, seconds = max(since, launched), min(seconds, WARM_CLAIM_SECONDS)
    elif found.wait == Wait.CLAIM and not answering and not limits.terrakube:
        # An executor that cannot reach the site may be waiting for it; a replacement could do no better.
        seconds = max(seconds, UNANSWERED_CLAIM_SECONDS)
    own, whole = _after(since, seconds), _after(launched, limits.waits[Wait.START])
    if found.wait != Wait.START and now >= own:
        return _decide_ended(found)
    if now >= whole and found.wait in {Wait.START, Wait.IMAGE, Wait.REFERENCE}:
        start = limits.waits[Wait.START]
        last_seen = found.why.with_advice()
        return Decision(act=Act.FAIL, why=reason("start-timeout", seconds=f"{start:.0f}", words=last_seen))
    due = own if found.wait != Wait.START else whole
    ordinary = found.kind in {Kind.WAITING, Kind.RUNNING}
    worth_saying = _after(noted, limits.ordinary_seconds)
    if ordinary and now < worth_saying:
        return Decision(act=Act.NOTHING, again_at=min(worth_saying, due))
    # A container that runs unclaimed gets its advice only when this is the end of it.
    why = found.why if found.kind == Kind.RUNNING else found.why.with_advice()
    # Past the whole start, what has a deadline of its own has only that: a time that is over would be due for ever.
    return Decision(act=Act.EXPLAIN, why=why, again_at=min(due, whole) if whole > now else due)


def _missing(attempt: Attempt, found: Diagnosis, *, now: dt.datetime, limits: Patience) -> Decision:
    if attempt.missing_since is None:
        return Decision(act=Act.MISS, again_at=_after(now, limits.missing_seconds))
    believed = _after(attempt.missing_since, limits.missing_seconds)
    if now < believed:
        return Decision(act=Act.NOTHING, again_at=believed)
    return _decide_ended(found)


def _decide_claimed(attempt: Attempt, found: Diagnosis, *, now: dt.datetime, limits: Patience, gone: bool) -> Decision:
    heard = attempt.heartbeat_at or attempt.claimed_at or attempt.created_at
    silent = _after(heard, limits.lost_after_seconds)
    if found.kind in {Kind.SUCCEEDED, Kind.FAILED}:
        ready = _after(found.since or heard, limits.report_seconds)
        if now < ready:
            return Decision(act=Act.NOTHING, again_at=ready)
        return Decision(act=Act.LOSE, why=_why(attempt, found, limits))
    if found.kind == Kind.MISSING:
        if attempt.missing_since is None:
            return Decision(act=Act.MISS, again_at=_after(now, limits.missing_seconds))
        # Its pod may still have its grace period, in which the executor ends gracefully and reports.
        believed = _after(max(attempt.missing_since, heard), limits.missing_seconds)
        last = _after(attempt.missing_since, limits.ending_seconds)
        if now >= believed and (gone or now >= last):
            return Decision(act=Act.LOSE, why=found.why.with_advice())
        return Decision(act=Act.NOTHING, again_at=believed if now < believed else min(last, _after(now, 5)))
    if attempt.claimed_by_report and not limits.terrakube_beats and found.kind not in {Kind.STUCK, Kind.ENDING}:
        # It is silent while it works, so only its pod can show that it stopped; that has a deadline of its own.
        return Decision(act=Act.NOTHING, again_at=max(silent, _after(now, 60)))
    if now >= silent:
        span = spoken(limits.lost_after_seconds)
        if found.kind in {Kind.STUCK, Kind.ENDING}:
            return Decision(act=Act.LOSE, why=reason("silent", "silent-and", span=span, seen=found.why))
        return Decision(act=Act.LOSE, why=reason("silent", span=span))
    return Decision(act=Act.NOTHING, again_at=silent)


def _interrupting(attempt: Attempt, found: Diagnosis, *, now: dt.datetime, limits: Patience, gone: bool) -> Decision:
    heard = attempt.heartbeat_at or attempt.claimed_at or attempt.created_at
    if gone:
        since = found.since or attempt.missing_since or heard
        ready = _after(since, limits.report_seconds)
        if now < ready:
            return Decision(act=Act.NOTHING, again_at=ready)
        return Decision(act=Act.CANCELLED, why=reason("cancelled", "executor-gone"))
    if found.kind == Kind.MISSING and attempt.missing_since is None:
        return Decision(act=Act.MISS, again_at=_after(now, limits.missing_seconds))
    return Decision(act=Act.NOTHING, again_at=_after(now, 10))
