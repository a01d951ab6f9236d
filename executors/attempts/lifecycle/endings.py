"""End, replace or cancel attempts from outside: called by launcher, watcher, sweep and cancelling users."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from executors.attempts.lifecycle.writes import (
    MAY_STILL_RUN,
    OPEN,
    create_attempt,
    end_attempt,
    finish_step_of,
    give_workspace_back,
    lock_job,
    move_attempt,
    record_event,
)
from executors.choices import ACTIVE, UNCLAIMED, AttemptOutcome, AttemptState, EventKind, ExecutorKind
from executors.models import Attempt
from workspaces.choices import PLAN_TYPES, Interruption, JobStatus
from workspaces.jobs import transitions
from workspaces.jobs.transitions import LockedStep
from workspaces.models import Step
from workspaces.reasons import Reason, framed, reason

RETRY_SECONDS = (2, 10, 30)
"""Delays of the second, third and every later attempt."""


def fail_attempt(
    attempt: Attempt,
    why: Reason,
    *,
    outcome: AttemptOutcome = AttemptOutcome.FAILED,
    sources: frozenset[AttemptState] = OPEN,
) -> bool:
    """End an attempt that its executor cannot or will not report on, and fail its step.

    With the outcome lost, the job of a claimed attempt holds its workspace until ``mark_gone``. Return False,
    changing nothing, if the attempt is not in one of the ``sources``.
    """
    with transaction.atomic():
        return _fail(attempt, lock_job(attempt.step_id), why, outcome, sources)


def _fail(
    attempt: Attempt,
    locked: LockedStep,
    why: Reason,
    outcome: AttemptOutcome,
    sources: frozenset[AttemptState],
) -> bool:
    if not end_attempt(attempt, outcome, why, sources=sources):
        return False
    lost = Attempt.objects.filter(pk=attempt.pk).filter(MAY_STILL_RUN).exists()
    finish_step_of(locked, transitions.Outcome(succeeded=False, lost=lost, why=why))
    return True


UNKNOWN_SESSION = "unknown"
"""Stands for the session hash of an unrecorded claim: no session has this hash."""


def fail_unproved(attempt: Attempt, why: Reason) -> bool:
    """End an unclaimed attempt as lost whose executor began, or may have begun, without a record of its claim.

    Nothing of it is retried automatically, and its workspace stays held until the executor is proved gone.
    """
    with transaction.atomic():
        locked = lock_job(attempt.step_id)
        now = timezone.now()
        begun = {"claimed_at": now, "heartbeat_at": now, "session_hash": UNKNOWN_SESSION}
        if not move_attempt(attempt, UNCLAIMED, state=AttemptState.CLAIMED, **begun):
            return False
        transitions.start_step(locked)
        return _fail(attempt, locked, why, AttemptOutcome.LOST, ACTIVE)


def repeat_outcome(attempt: Attempt) -> bool:
    """Finish the step with the outcome of its last attempt, unless that is done.

    Return False if it is done, or if the attempt is not the last one or has not ended: the caller's data may be
    stale.
    """
    with transaction.atomic():
        locked = lock_job(attempt.step_id)
        # Read under the lock: the decision must rest on what holds now.
        last = Attempt.objects.filter(step=attempt.step_id).order_by("-number").first()
        if last is None or last.pk != attempt.pk or last.state != AttemptState.ENDED:
            return False
        attempt = last
        outcome = transitions.Outcome(
            succeeded=attempt.outcome == AttemptOutcome.SUCCEEDED,
            lost=Attempt.objects.filter(pk=attempt.pk).filter(MAY_STILL_RUN).exists(),
            why=attempt.why,
        )
        return transitions.finish_step(locked, outcome)


def replace_attempt(attempt: Attempt, why: Reason, *, limit: int) -> Attempt | None:
    """Fence an unclaimed attempt and open the next one, with a delay; fail the step at the ``limit``-th attempt.

    Return the new attempt; None if the attempt was claimed, is over, or was the last one allowed.
    """
    with transaction.atomic():
        locked = lock_job(attempt.step_id)
        if attempt.number >= limit:
            tried = framed("tried", why, number=attempt.number) if attempt.number > 1 else why
            _fail(attempt, locked, tried, AttemptOutcome.LOST, UNCLAIMED)
            return None
        if not end_attempt(attempt, AttemptOutcome.REPLACED, why, sources=UNCLAIMED):
            return None
        step = locked.step
        if step.status != JobStatus.QUEUE:
            return None
        following = _open_next(step, attempt)
        transitions.explain(step.pk, _again(why, following, limit))
        return following


def _open_next(step: Step, attempt: Attempt) -> Attempt:
    """Open the next attempt, with a delay that grows with their number."""
    wait = RETRY_SECONDS[min(attempt.number, len(RETRY_SECONDS)) - 1]
    return create_attempt(
        step,
        number=attempt.number + 1,
        executor=ExecutorKind(attempt.executor),
        cluster=attempt.cluster,
        not_before=timezone.now() + dt.timedelta(seconds=wait),
    )


def _again(why: Reason, following: Attempt, limit: int) -> Reason:
    wait = (following.not_before - following.created_at).total_seconds()
    return framed("trying-again", why, seconds=f"{wait:.0f}", number=following.number, most=limit)


def retry_plan(attempt: Attempt, why: Reason, *, limit: int) -> Attempt | None:
    """Retry a lost plan whose executor is proved gone; None for another type of step, and for the last attempt
    allowed.

    The caller checks that the workspace asks for it.
    """
    with transaction.atomic():
        locked = lock_job(attempt.step_id)
        step = locked.step
        if attempt.number >= limit or step.type not in PLAN_TYPES or step.status != JobStatus.RUNNING:
            return None
        if not end_attempt(attempt, AttemptOutcome.LOST, why, sources=frozenset({AttemptState.CLAIMED})):
            return None
        following = _open_next(step, attempt)
        transitions.start_again(locked, _again(why, following, limit))
        return following


def request_cancel(step_id: UUID, *, force: bool = False) -> Attempt | None:
    """Cancel the attempt of a cancelled step: fence it if unclaimed, else tell its executor.

    Return the attempt whose Job or process must be stopped, None if there is none.
    """
    with transaction.atomic():
        locked = lock_job(step_id)
        attempt = Attempt.objects.select_related("step").filter(step=step_id).order_by("-number").first()
        if attempt is None or attempt.state == AttemptState.ENDED:
            give_workspace_back(locked)
            return attempt
        now = timezone.now()
        record_event(attempt, EventKind.CANCEL, "force" if force else "", now)
        if attempt.state in UNCLAIMED:
            end_attempt(
                attempt, AttemptOutcome.CANCELLED, reason("cancelled", "cancelled-before-start"), cancelled_at=now
            )
            give_workspace_back(locked)
        else:
            move_attempt(
                attempt,
                ACTIVE,
                state=AttemptState.INTERRUPTING,
                cancelled_at=attempt.cancelled_at or now,
                # A force stop stays requested: the sweep repeats the ordinary request.
                force_stop=force or attempt.force_stop,
            )
            transitions.note_interruption(step_id, Interruption.INTERRUPTING)
        return attempt
