"""The only code that writes an attempt's state, and what is recorded of a running one."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from executors.choices import ACTIVE, UNCLAIMED, AttemptOutcome, AttemptState, EventKind, ExecutorKind
from executors.models import Attempt, AttemptEvent
from terrakube_site.database.built_writes import BuiltInserts, update_by_key
from workspaces.choices import Interruption
from workspaces.jobs import transitions
from workspaces.jobs.transitions import LockedStep
from workspaces.models import Job, Step
from workspaces.reasons import Reason

_EVENTS = BuiltInserts(AttemptEvent, ignore_conflicts=True)
OPEN = UNCLAIMED | ACTIVE
# Declared lost after its executor had begun, and not yet proved gone.
MAY_STILL_RUN = Q(state=AttemptState.ENDED, outcome=AttemptOutcome.LOST, claimed_at__isnull=False, cleaned_at=None)
STILL_THERE = ~Q(state=AttemptState.ENDED) | MAY_STILL_RUN
"""Attempts of whose executors one runs, or may run."""
_INTERRUPTED = {
    AttemptOutcome.CANCELLED: Interruption.STOPPED,
    AttemptOutcome.KILLED: Interruption.KILLED,
}


def lock_job(step_id: UUID) -> LockedStep:
    """Lock the Job's row, under which everything about a step's attempts is written. Raises Job.DoesNotExist.

    Pass the result to every function that needs the lock, so that the row is locked once.
    """
    locked = transitions.lock_step(step_id)
    if locked is None:
        raise Job.DoesNotExist
    return locked


def record_event(attempt: Attempt, kind: EventKind, detail: str | Reason = "", at: dt.datetime | None = None) -> None:
    """Add to an attempt's timeline; what it holds already stays as it is."""
    event = AttemptEvent(attempt=attempt, kind=kind, detail=str(detail), at=at or timezone.now())
    if isinstance(detail, Reason):
        event.reason_code, event.reason_words = detail.code, detail.as_words()
    _EVENTS.store([event])


def move_attempt(attempt: Attempt, sources: frozenset[AttemptState], **changes: Any) -> bool:
    if not update_by_key(Attempt, attempt.pk, among=("state", sources), **changes):
        return False
    for name, value in changes.items():
        setattr(attempt, name, value)
    return True


def create_attempt(
    step: Step, *, number: int, executor: ExecutorKind, not_before: dt.datetime, cluster: str = ""
) -> Attempt:
    attempt = Attempt.objects.create(
        step=step,
        organization_key=step.job.organization_id,
        number=number,
        executor=executor,
        cluster=cluster,
        created_at=timezone.now(),
        not_before=not_before,
        job_name=f"job-{step.job_id}-{step.step_number}-{number}",
    )
    record_event(attempt, EventKind.CREATED)
    return attempt


def end_attempt(
    attempt: Attempt,
    outcome: AttemptOutcome,
    why: Reason,
    *,
    sources: frozenset[AttemptState] = OPEN,
    **changes: Any,
) -> bool:
    now = timezone.now()
    ended = move_attempt(
        attempt,
        sources,
        state=AttemptState.ENDED,
        outcome=outcome,
        ended_at=now,
        **why.columns,
        **changes,
    )
    if ended:
        record_event(attempt, EventKind.ENDED, why.code, now)
        if outcome in _INTERRUPTED and attempt.claimed_at is not None:
            transitions.note_interruption(attempt.step_id, _INTERRUPTED[outcome])
    return ended


def finish_step_of(locked: LockedStep, outcome: transitions.Outcome) -> None:
    if not transitions.finish_step(locked, outcome) and not outcome.lost:
        # The step was cancelled before; its workspace waited for this attempt.
        give_workspace_back(locked)


def give_workspace_back(locked: LockedStep) -> None:
    """Release the workspace of an ended job, unless one of its executors runs or may run."""
    if not Attempt.objects.filter(step__job=locked.job).filter(STILL_THERE).exists():
        transitions.release_workspace(locked)


def mark_missing(attempt: Attempt, missing: bool) -> None:
    """Record since when an attempt's Job or process is missing; False clears it."""
    if missing and attempt.missing_since is None:
        move_attempt(attempt, OPEN, missing_since=timezone.now())
    elif not missing and attempt.missing_since is not None:
        move_attempt(attempt, OPEN, missing_since=None)


def record_place(attempt: Attempt, *, pod_name: str = "", node_name: str = "") -> None:
    """Record the pod and node on which an attempt runs."""
    if (pod_name, node_name) != (attempt.pod_name, attempt.node_name):
        attempt.pod_name, attempt.node_name = pod_name, node_name
        attempt.save(update_fields=["pod_name", "node_name"])


def record_stop_reason(attempt: Attempt, why: Reason) -> None:
    """Record why the cluster stops the pod of a running attempt: its executor only learns that it does."""
    if attempt.leaving_code == why.code or not move_attempt(
        attempt,
        frozenset({AttemptState.CLAIMED}),
        leaving_code=why.code,
        leaving_words=why.as_words(),
        leaving_reason=str(why),
    ):
        return
    record_event(attempt, EventKind.LEAVING, why)
