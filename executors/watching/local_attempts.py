"""Watch attempts that run as processes of this machine, and clean up after them."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable

from django.utils import timezone

from executors.attempts import cleanup, lifecycle
from executors.choices import UNCLAIMED, AttemptOutcome, AttemptState, EventKind, ExecutorKind
from executors.installation.settings import Installation
from executors.launching import launcher, local_process
from executors.models import Attempt
from executors.watching.decisions import Patience
from executors.watching.diagnosis.pods import Wait
from executors.watching.diagnosis.wording import quoted, spoken
from workspaces.reasons import Reason, reason

logger = logging.getLogger(__name__)
FORCE_SECONDS = 30
"""Time after its grace period at which a process is killed."""


class LocalLooker:
    """Watches local attempts. Processes of other machines cannot be seen; those attempts are judged by their
    heartbeats.
    """

    def __init__(self, conf: Installation, limits: Patience) -> None:
        self._conf = conf
        self._limits = limits
        self._running: dict[str, dt.datetime] = {}
        """When each running process was found to have claimed although its attempt has no claim on record."""

    def look_at(self, attempt: Attempt, *, now: dt.datetime | None = None) -> None:
        """Inspect an open, launched attempt and act on the result."""
        now = now or timezone.now()
        here = local_process.was_started_here(attempt)
        if here and not local_process.is_alive(attempt):
            self._dead(attempt, now)
            return
        if here and attempt.missing_since is not None:
            lifecycle.mark_missing(attempt, False)
        if attempt.state == AttemptState.INTERRUPTING:
            if here:
                self._interrupting(attempt, now)
            return
        self._deadlines(attempt, now)

    def _dead(self, attempt: Attempt, now: dt.datetime) -> None:
        # Its last report may still be on its way through the web process.
        if attempt.missing_since is None:
            lifecycle.mark_missing(attempt, True)
            return
        if now < attempt.missing_since + dt.timedelta(seconds=self._limits.missing_seconds):
            return
        words = quoted(local_process.read_last_output(attempt))
        why = reason("process-ended", "process-ended-with", words=words) if words else reason("process-ended")
        if attempt.state in UNCLAIMED:
            if self._had_begun(attempt):
                cleanup.mark_gone(attempt)
                return
            lifecycle.replace_attempt(attempt, why, limit=self._conf.max_attempts)
        elif attempt.state == AttemptState.INTERRUPTING:
            lifecycle.fail_attempt(
                attempt,
                reason("cancelled", "executor-gone"),
                outcome=AttemptOutcome.KILLED,
                sources=frozenset({AttemptState.INTERRUPTING}),
            )
        else:
            # A process that was told to end for its deadline ended for that.
            self._lose(attempt, attempt.leaving or why)
        if attempt.state == AttemptState.ENDED:
            cleanup.mark_gone(attempt)

    @staticmethod
    def _had_begun(attempt: Attempt) -> bool:
        """End an attempt without a recorded claim if its process had claimed, or is gone with its folder."""
        had_claimed = local_process.had_claimed(attempt)
        if had_claimed is False:
            return False
        end = reason("", "end-process" if had_claimed else "end-process-and-folder")
        lifecycle.fail_unproved(attempt, reason("claimed-before", end=end).with_advice())
        return True

    def _interrupting(self, attempt: Attempt, now: dt.datetime) -> None:
        since = attempt.cancelled_at or now
        if now < since + dt.timedelta(seconds=self._limits.for_attempt(attempt).ending_seconds + FORCE_SECONDS):
            launcher.stop_attempt(attempt)
        else:
            launcher.cancel_step(attempt.step_id, force=True)

    def _deadlines(self, attempt: Attempt, now: dt.datetime) -> None:
        limits = self._limits.for_attempt(attempt)
        launched = attempt.launched_at or attempt.created_at
        if attempt.state in UNCLAIMED:
            start = limits.waits[Wait.START]
            if local_process.was_started_here(attempt) and local_process.had_claimed(attempt):
                # Its database was restored to a moment before its claim. It claims again with its next call.
                known = self._running.setdefault(str(attempt.pk), now)
                if now >= known + dt.timedelta(seconds=limits.waits[Wait.CLAIM]) and self._had_begun(attempt):
                    launcher.stop_attempt(attempt)
                return
            if now >= launched + dt.timedelta(seconds=start):
                why = reason("not-claimed", "not-reported", seconds=f"{start:.0f}")
                lifecycle.replace_attempt(attempt, why, limit=self._conf.max_attempts)
                launcher.stop_attempt(attempt)
            return
        heard = attempt.heartbeat_at or launched
        if now >= heard + dt.timedelta(seconds=limits.lost_after_seconds):
            self._lose(attempt, reason("silent", span=spoken(limits.lost_after_seconds)))
            launcher.stop_attempt(attempt)
        elif now >= launched + dt.timedelta(seconds=limits.step_seconds):
            # As the cluster does with a pod: the process is asked to end, and killed if it does not.
            why = reason("deadline", "deadline-of", span=spoken(limits.step_seconds))
            lifecycle.record_stop_reason(attempt, why)
            overdue = now >= launched + dt.timedelta(seconds=limits.step_seconds + limits.ending_seconds)
            attempt.force_stop = overdue
            launcher.stop_attempt(attempt)

    @staticmethod
    def _lose(attempt: Attempt, why: Reason) -> None:
        lifecycle.fail_attempt(
            attempt,
            why,
            outcome=AttemptOutcome.LOST,
            sources=frozenset({AttemptState.CLAIMED}),
        )

    def clear(self, ended: Iterable[Attempt]) -> None:
        """Stop processes of ended attempts on this machine, and remove the work folders of the rest."""
        for attempt in ended:
            if attempt.executor == ExecutorKind.LOCAL:
                self._clear(attempt, timezone.now())

    def _clear(self, attempt: Attempt, now: dt.datetime) -> None:
        if attempt.host and attempt.host != local_process.this_host():
            # That machine may be gone for good, as with a container; no process outlives it.
            if attempt.ended_at and now > attempt.ended_at + dt.timedelta(seconds=self._conf.deadline_seconds):
                cleanup.mark_gone(attempt)
            return
        if local_process.is_alive(attempt):
            ended_at = attempt.ended_at or now
            reported = attempt.outcome in {AttemptOutcome.SUCCEEDED, AttemptOutcome.FAILED}
            if not reported or now > ended_at + dt.timedelta(seconds=FORCE_SECONDS):
                self._end(attempt, ended_at, now)
            return
        local_process.remove_folder(attempt)
        cleanup.mark_gone(attempt)

    def _end(self, attempt: Attempt, ended_at: dt.datetime, now: dt.datetime) -> None:
        if now > ended_at + dt.timedelta(seconds=self._limits.for_attempt(attempt).ending_seconds + FORCE_SECONDS):
            lifecycle.record_event(attempt, EventKind.CANCEL, "force", now)
            attempt.force_stop = True
        launcher.stop_attempt(attempt)
