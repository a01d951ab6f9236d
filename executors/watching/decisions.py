"""What follows from what is seen of an open attempt; pure, so that every case can be told in a test."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from executors.choices import UNCLAIMED, AttemptState
from executors.conf import Installation
from executors.models import Attempt
from executors.watching import exits
from executors.watching.diagnosis import Diagnosis, Kind, Wait
from executors.watching.words import spoken
from workspaces.choices import EXCLUSIVE_TYPES

BEATS_SINCE = (2, 33)
"""The version of Terrakube's executor."""

UNANSWERED_CLAIM_SECONDS = 150.0
"""While this site does not answer at the address that pods are given: longer than an executor tries to claim (120 s),
since one that is still trying may yet succeed when the site is back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long what is waited for, in seconds."""

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
    """From the end of a Job to the last word of its executor, which may be on its way still."""
    missing_seconds: float = 5
    """From the first look that finds no Job to the second, which is believed."""
    ordinary_seconds: float = 3
    """What is ordinary about a start is only worth a sentence when it lasts."""
    lost_after_seconds: float = 900
    terrakube: bool = False
    """Whether new pods run Terrakube's own executor."""
    terrakube_beats: bool = False
    """Whether that executor says that it is there while it works, as it does since 2.33."""
    step_seconds: float = 21_600
    ending_seconds: float = 150
    """A pod's own time to end, after which its node kills it."""
    ending_change_seconds: float = 330
    """The same of a step that may change something."""

    def of(self, attempt: Attempt) -> Patience:
        """The patience with one attempt: as its organization and workspace ask, and as its step needs."""
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
"""Of the deadlines that organizations and workspaces may lower; that for a node which is being added is not one."""


def patience(conf: Installation) -> Patience:
    """The patience that an installation asks for."""
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
    """Say on the step what it waits for."""
    MISS = "miss"
    """Note that its Job is gone, and look again."""
    REPLACE = "replace"
    """Fence it and make another."""
    FAIL = "fail"
    """End it before its executor began: another would fare no better."""
    LOSE = "lose"
    """End it as lost: its executor had begun it."""
    CANCELLED = "cancelled"
    """End it: it was told to stop, and is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do, why, and when to look again even if nothing is seen to change; ``again_at`` None: no time matters."""

    act: Act
    code: str = ""
    reason: str = ""
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
) -> Decision:
    """Decide about an open attempt.

    ``noted`` is when this diagnosis was first made, for those of which the cluster tells no time. ``gone``: the
    executor is proved to run no more. ``answering``: whether this site answers at the address that pods are given;
    None when nobody looked.
    """
    limits = limits.of(attempt)
    if attempt.state == AttemptState.NEW:
        # Its launch is not through yet: it adopts the Job, or says what is wrong.
        return Decision(act=Act.NOTHING)
    if attempt.state in UNCLAIMED:
        return _unclaimed(attempt, found, now=now, noted=noted, limits=limits, answering=answering)
    if attempt.state == AttemptState.INTERRUPTING:
        return _interrupting(attempt, found, now=now, limits=limits, gone=gone)
    return _claimed(attempt, found, now=now, limits=limits, gone=gone)


def _after(moment: dt.datetime, seconds: float) -> dt.datetime:
    return moment + dt.timedelta(seconds=seconds)


def _text(attempt: Attempt, found: Diagnosis, limits: Patience) -> str:
    """What to say of a Job that is over."""
    if found.code == exits.RESULT_MISSING and (
        attempt.claimed_by_report or (attempt.claimed_at is None and limits.terrakube)
    ):
        return exits.TERRAKUBE_RESULT_MISSING
    return found.text


def _ended(found: Diagnosis, text: str = "") -> Decision:
    if found.wait == Wait.CLAIM:
        reason = f"The container runs, and its executor never reported. {found.advice}"
        return Decision(act=Act.REPLACE, code="not-claimed", reason=reason)
    return Decision(act=Act.REPLACE if found.may_retry else Act.FAIL, code=found.code, reason=text or found.text)


def _unclaimed(
    attempt: Attempt,
    found: Diagnosis,
    *,
    now: dt.datetime,
    noted: dt.datetime,
    limits: Patience,
    answering: bool | None,
) -> Decision:
    if found.kind in {Kind.SUCCEEDED, Kind.FAILED}:
        return _ended(found, _text(attempt, found, limits))
    if found.kind == Kind.ENDING:
        # Fenced, it may take its time to go; what is ended by its deadline waits for the Job to say so.
        return _ended(found) if found.may_retry else Decision(act=Act.NOTHING)
    if found.kind == Kind.MISSING:
        return _missing(attempt, found, now=now, limits=limits)
    launched = attempt.launched_at or attempt.created_at
    since = found.since or noted
    seconds = limits.waits[found.wait]
    if found.wait == Wait.CLAIM and not answering and not limits.terrakube:
        # An executor that cannot reach the site may be waiting for it; another one could do no better.
        seconds = max(seconds, UNANSWERED_CLAIM_SECONDS)
    own, whole = _after(since, seconds), _after(launched, limits.waits[Wait.START])
    if found.wait != Wait.START and now >= own:
        return _ended(found)
    if now >= whole and found.wait in {Wait.START, Wait.IMAGE, Wait.REFERENCE}:
        start = limits.waits[Wait.START]
        return Decision(
            act=Act.FAIL, code="start-timeout", reason=f"It did not start within {start:.0f} s. Last seen: {found.text}"
        )
    due = own if found.wait != Wait.START else whole
    ordinary = found.kind in {Kind.WAITING, Kind.RUNNING}
    worth_saying = _after(noted, limits.ordinary_seconds)
    if ordinary and now < worth_saying:
        return Decision(act=Act.NOTHING, again_at=min(worth_saying, due))
    # A container that runs but was not claimed yet is only told of its advice when that is the end of it.
    text = found.sentence if found.kind == Kind.RUNNING else found.text
    return Decision(act=Act.EXPLAIN, code=found.code, reason=text, again_at=min(due, whole) if due > now else due)


def _missing(attempt: Attempt, found: Diagnosis, *, now: dt.datetime, limits: Patience) -> Decision:
    if attempt.missing_since is None:
        return Decision(act=Act.MISS, again_at=_after(now, limits.missing_seconds))
    believed = _after(attempt.missing_since, limits.missing_seconds)
    if now < believed:
        return Decision(act=Act.NOTHING, again_at=believed)
    return _ended(found)


def _claimed(attempt: Attempt, found: Diagnosis, *, now: dt.datetime, limits: Patience, gone: bool) -> Decision:
    heard = attempt.heartbeat_at or attempt.claimed_at or attempt.created_at
    silent = _after(heard, limits.lost_after_seconds)
    if found.kind in {Kind.SUCCEEDED, Kind.FAILED}:
        ready = _after(found.since or heard, limits.report_seconds)
        if now < ready:
            return Decision(act=Act.NOTHING, again_at=ready)
        return Decision(act=Act.LOSE, code=found.code, reason=_text(attempt, found, limits))
    if found.kind == Kind.MISSING:
        if attempt.missing_since is None:
            return Decision(act=Act.MISS, again_at=_after(now, limits.missing_seconds))
        # Its pod may still have its grace period, in which the executor ends in good order and says so.
        believed = _after(max(attempt.missing_since, heard), limits.missing_seconds)
        last = _after(attempt.missing_since, limits.ending_seconds)
        if now >= believed and (gone or now >= last):
            return Decision(act=Act.LOSE, code=found.code, reason=found.text)
        return Decision(act=Act.NOTHING, again_at=believed if now < believed else min(last, _after(now, 5)))
    if attempt.claimed_by_report and not limits.terrakube_beats and found.kind not in {Kind.STUCK, Kind.ENDING}:
        # It says nothing while it works, so only its pod can show that it does not; that has a deadline of its own.
        return Decision(act=Act.NOTHING, again_at=max(silent, _after(now, 60)))
    if now >= silent:
        said = f" {found.sentence}" if found.kind in {Kind.STUCK, Kind.ENDING} else ""
        return Decision(
            act=Act.LOSE,
            code="silent",
            reason=f"The executor has said nothing for {spoken(limits.lost_after_seconds)}.{said}".rstrip("."),
        )
    return Decision(act=Act.NOTHING, again_at=silent)


def _interrupting(attempt: Attempt, found: Diagnosis, *, now: dt.datetime, limits: Patience, gone: bool) -> Decision:
    heard = attempt.heartbeat_at or attempt.claimed_at or attempt.created_at
    if gone:
        since = found.since or attempt.missing_since or heard
        ready = _after(since, limits.report_seconds)
        if now < ready:
            return Decision(act=Act.NOTHING, again_at=ready)
        return Decision(act=Act.CANCELLED, code="cancelled", reason="Cancelled; its executor is gone")
    if found.kind == Kind.MISSING and attempt.missing_since is None:
        return Decision(act=Act.MISS, again_at=_after(now, limits.missing_seconds))
    return Decision(act=Act.NOTHING, again_at=_after(now, 10))
