"""Claims, heartbeats and results of executors, applied to their attempt."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from executors.attempts.lifecycle.writes import end_attempt, finish_step_of, lock_job, move_attempt, record_event
from executors.attempts.reported_result import Report, interpret_report
from executors.attempts.tokens import session_hash
from executors.choices import ACTIVE, UNCLAIMED, AttemptOutcome, AttemptState, EventKind
from executors.models import Attempt
from workspaces.jobs import transitions
from workspaces.jobs.transitions import LockedStep
from workspaces.reasons import reason


class Claim(enum.Enum):
    """Answer to a claim."""

    WON = "won"
    REPEATED = "repeated"
    TAKEN = "already-claimed"
    OVER = "attempt-over"


def claim_attempt(attempt: Attempt, session: str) -> Claim:
    """Claim an attempt for a session: the first session wins, may repeat its claim, and no other ever gets the
    attempt.
    """
    return _claim(attempt, session_hash(session))


def claim_by_report(attempt: Attempt, *, detail: str = "") -> Claim:
    """Claim an attempt for Terrakube's own executor, which has no session: its first report is its claim.

    Such a client repeats a report without an answer; the caller decides whether it is still the same executor. The
    timeline keeps the ``detail``.
    """
    return _claim(attempt, "", detail)


def _claim(attempt: Attempt, digest: str, detail: str = "") -> Claim:
    now = timezone.now()
    with transaction.atomic():
        locked = lock_job(attempt.step_id)
        if _end_if_blocked(attempt, locked):
            return Claim.OVER
        won = move_attempt(
            attempt,
            UNCLAIMED,
            state=AttemptState.CLAIMED,
            session_hash=digest,
            claimed_at=now,
            heartbeat_at=now,
            missing_since=None,
        )
        if won:
            if not transitions.start_step(locked):
                # The step was cancelled between the executor's start and now; nothing may run for it.
                end_attempt(attempt, AttemptOutcome.CANCELLED, reason("cancelled", "step-cancelled-before-start"))
                return Claim.OVER
            record_event(attempt, EventKind.CLAIMED, detail, at=now)
            return Claim.WON
    attempt.refresh_from_db()
    if attempt.state == AttemptState.ENDED:
        return Claim.OVER
    return Claim.REPEATED if attempt.session_hash == digest else Claim.TAKEN


def end_if_blocked(attempt: Attempt) -> bool:
    """End an unclaimed attempt whose step may not start now, whatever was true when it was queued.

    A step that can never continue ends with its reason; one that must wait is put back, and queued later with a new
    attempt. Return False, changing nothing, if the step may start.
    """
    with transaction.atomic():
        return _end_if_blocked(attempt, lock_job(attempt.step_id))


def _end_if_blocked(attempt: Attempt, locked: LockedStep) -> bool:
    found = transitions.obstacle_to(locked)
    if found is None:
        return False
    outcome = AttemptOutcome.FAILED if found.ends else AttemptOutcome.REPLACED
    if not end_attempt(attempt, outcome, found.why, sources=UNCLAIMED):
        return False
    if found.ends:
        finish_step_of(locked, transitions.Outcome(succeeded=False, why=found.why))
    else:
        transitions.put_back(locked, found)
    return True


@dataclass(frozen=True, slots=True)
class Orders:
    """What an executor is told in answer to its reports."""

    cancel: bool
    force: bool


def record_heartbeat(
    attempt: Attempt, *, phase: str = "", peak_memory_bytes: int | None = None, cpu_seconds: float | None = None
) -> Orders:
    """Record a heartbeat of the executor, its phase and its resource use so far."""
    used = {"peak_memory_bytes": peak_memory_bytes, "cpu_seconds": cpu_seconds}
    changes: dict[str, Any] = {"heartbeat_at": timezone.now()}
    changes |= {name: value for name, value in used.items() if value is not None}
    if phase and phase != attempt.phase:
        changes["phase"] = phase
        record_event(attempt, EventKind.PHASE, phase)
    Attempt.objects.filter(pk=attempt.pk, state__in=ACTIVE).update(**changes)
    return orders(attempt)


def orders(attempt: Attempt) -> Orders:
    return Orders(cancel=attempt.state == AttemptState.INTERRUPTING, force=attempt.force_stop)


def report_result(attempt: Attempt, result: Report) -> bool:
    """End an attempt and its step with the executor's own result. Return False if the attempt is already over."""
    with transaction.atomic():
        locked = lock_job(attempt.step_id)
        # The watcher or a cancel may have changed it since the request began.
        attempt.refresh_from_db(fields=["state", "force_stop", "leaving_code", "leaving_reason", "leaving_words"])
        said = interpret_report(attempt, result)
        ended = end_attempt(
            attempt,
            said.outcome,
            said.why,
            exit_code=result.exit_code,
            peak_memory_bytes=result.peak_memory_bytes,
            cpu_seconds=result.cpu_seconds,
        )
        if not ended:
            return False
        record_event(attempt, EventKind.RESULT, result.outcome)
        finish_step_of(
            locked,
            transitions.Outcome(
                succeeded=said.outcome == AttemptOutcome.SUCCEEDED,
                changes=result.changes,
                plan=result.plan,
                why=said.why,
            ),
        )
        return True


def has_reported(attempt: Attempt, outcome: AttemptOutcome) -> bool:
    """Return True if the executor of an ended attempt has reported this outcome."""
    return attempt.events.filter(kind=EventKind.RESULT, detail=outcome).exists()
