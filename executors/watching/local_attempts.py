"""Attempts that run as processes of this machine: whether they live, and what is left of them."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable

from django.utils import timezone

from executors import attempts, cleaning
from executors.choices import UNCLAIMED, AttemptOutcome, AttemptState, EventKind, ExecutorKind
from executors.conf import Installation
from executors.launching import launcher, on_machine
from executors.models import Attempt
from executors.watching.decisions import Patience
from executors.watching.diagnosis import Wait
from executors.watching.words import quoted, spoken

logger = logging.getLogger(__name__)
FORCE_SECONDS = 30
"""How much longer than its own time to end a process may take before it is killed."""


class LocalLooker:
    """Looks at local attempts; only those of this machine can be looked at, others are judged by their silence."""

    def __init__(self, conf: Installation, limits: Patience) -> None:
        self._conf = conf
        self._limits = limits

    def look_at(self, attempt: Attempt, *, now: dt.datetime | None = None) -> None:
        """Look at an open attempt that was launched, and do what follows."""
        now = now or timezone.now()
        here = on_machine.was_started_here(attempt)
        if here and not on_machine.is_alive(attempt):
            self._dead(attempt, now)
            return
        if here and attempt.missing_since is not None:
            attempts.mark_missing(attempt, False)
        if attempt.state == AttemptState.INTERRUPTING:
            if here:
                self._interrupting(attempt, now)
            return
        self._deadlines(attempt, now)

    def _dead(self, attempt: Attempt, now: dt.datetime) -> None:
        # Its last report may be on its way through the web process.
        if attempt.missing_since is None:
            attempts.mark_missing(attempt, True)
            return
        if now < attempt.missing_since + dt.timedelta(seconds=self._limits.missing_seconds):
            return
        words = quoted(on_machine.last_words(attempt))
        reason = "The executor's process ended without a report" + (f": {words}" if words else "")
        if attempt.state in UNCLAIMED:
            attempts.replace(attempt, code="process-ended", reason=reason, limit=self._conf.max_attempts)
        elif attempt.state == AttemptState.INTERRUPTING:
            attempts.fail(
                attempt,
                code="cancelled",
                reason="Cancelled; its executor is gone",
                outcome=AttemptOutcome.KILLED,
                sources=frozenset({AttemptState.INTERRUPTING}),
            )
        else:
            # One that was told to end, for its deadline, ended for that.
            code = attempt.leaving_code or "process-ended"
            self._lose(attempt, code, attempt.leaving_reason or reason)
        if attempt.state == AttemptState.ENDED:
            cleaning.prove_gone(attempt)

    def _interrupting(self, attempt: Attempt, now: dt.datetime) -> None:
        since = attempt.cancelled_at or now
        if now < since + dt.timedelta(seconds=self._limits.of(attempt).ending_seconds + FORCE_SECONDS):
            launcher.stop(attempt)
        else:
            launcher.cancel_step(attempt.step_id, force=True)

    def _deadlines(self, attempt: Attempt, now: dt.datetime) -> None:
        limits = self._limits.of(attempt)
        launched = attempt.launched_at or attempt.created_at
        if attempt.state in UNCLAIMED:
            start = limits.waits[Wait.START]
            if now >= launched + dt.timedelta(seconds=start):
                reason = f"The executor's process has not reported within {start:.0f} s"
                attempts.replace(attempt, code="not-claimed", reason=reason, limit=self._conf.max_attempts)
                launcher.stop(attempt)
            return
        heard = attempt.heartbeat_at or launched
        if now >= heard + dt.timedelta(seconds=limits.lost_after_seconds):
            self._lose(attempt, "silent", f"The executor has said nothing for {spoken(limits.lost_after_seconds)}")
            launcher.stop(attempt)
        elif now >= launched + dt.timedelta(seconds=limits.step_seconds):
            # As the cluster does it with a pod: it is asked to end, and killed when it does not.
            attempts.note_leaving(
                attempt,
                code="deadline",
                reason=f"The step took longer than its deadline of {spoken(limits.step_seconds)}",
            )
            overdue = now >= launched + dt.timedelta(seconds=limits.step_seconds + limits.ending_seconds)
            attempt.force_stop = overdue
            launcher.stop(attempt)

    @staticmethod
    def _lose(attempt: Attempt, code: str, reason: str) -> None:
        attempts.fail(
            attempt,
            code=code,
            reason=reason,
            outcome=AttemptOutcome.LOST,
            sources=frozenset({AttemptState.CLAIMED}),
        )

    def clear(self, ended: Iterable[Attempt]) -> None:
        """Stop what of ended attempts still runs on this machine, and remove the work folders of the others."""
        for attempt in ended:
            if attempt.executor == ExecutorKind.LOCAL:
                self._clear(attempt, timezone.now())

    def _clear(self, attempt: Attempt, now: dt.datetime) -> None:
        if attempt.host and attempt.host != on_machine.this_host():
            # That machine may be gone for good, as a container's is; nothing outlives this.
            if attempt.ended_at and now > attempt.ended_at + dt.timedelta(seconds=self._conf.deadline_seconds):
                cleaning.prove_gone(attempt)
            return
        if on_machine.is_alive(attempt):
            ended_at = attempt.ended_at or now
            reported = attempt.outcome in {AttemptOutcome.SUCCEEDED, AttemptOutcome.FAILED}
            if not reported or now > ended_at + dt.timedelta(seconds=FORCE_SECONDS):
                self._end(attempt, ended_at, now)
            return
        on_machine.clean(attempt)
        cleaning.prove_gone(attempt)

    def _end(self, attempt: Attempt, ended_at: dt.datetime, now: dt.datetime) -> None:
        if now > ended_at + dt.timedelta(seconds=self._limits.of(attempt).ending_seconds + FORCE_SECONDS):
            attempts.record(attempt, EventKind.CANCEL, "force", now)
            attempt.force_stop = True
        launcher.stop(attempt)
