"""What is left of an ended attempt: proved gone, and then given back what its job still holds for it."""

from __future__ import annotations

from functools import partial

from django.db import transaction
from django.utils import timezone

from executors.attempts.lifecycle import MAY_STILL_RUN, STILL_THERE, lock_job, record_event
from executors.choices import AttemptOutcome, AttemptState, EventKind, LockOutcome
from executors.metrics import outcomes
from executors.models import Attempt
from workspaces.jobs import transitions
from workspaces.models import Job
from workspaces.services.state import release_orphaned_lock


def mark_cleaned(attempt: Attempt) -> None:
    """Keep that nothing of an ended attempt is left, so that the sweep passes it by.

    Not for one that may run still: that needs ``mark_gone``.
    """
    now = timezone.now()
    if Attempt.objects.filter(pk=attempt.pk, state=AttemptState.ENDED).exclude(MAY_STILL_RUN).update(cleaned_at=now):
        attempt.cleaned_at = now
        outcomes.publish_outcome(attempt)


def mark_gone(attempt: Attempt) -> None:
    """Keep that an ended attempt's executor runs no more, and give back what its job still holds for it.

    That is the workspace, and a state lock that the executor left; both only once no other attempt of the job is there.
    """
    with transaction.atomic():
        locked = lock_job(attempt.step_id)
        now = timezone.now()
        if not Attempt.objects.filter(pk=attempt.pk, state=AttemptState.ENDED, cleaned_at=None).update(cleaned_at=now):
            return
        attempt.cleaned_at = now
        transaction.on_commit(partial(outcomes.publish_outcome, attempt))
        job = locked.job
        others = Attempt.objects.filter(step__job=job).filter(STILL_THERE)
        if not job.is_final or others.exists():
            return
        release_state_lock(attempt, job)
        transitions.release_workspace(locked)


def release_state_lock(attempt: Attempt, job: Job) -> None:
    """Release the state lock of a gone executor; another owner's lock is left alone. Both are recorded.

    For a caller that knows that no other executor of the job is there.
    """
    if attempt.claimed_at is None or attempt.outcome == AttemptOutcome.SUCCEEDED:
        return
    left = release_orphaned_lock(job)
    if left is None:
        return
    outcome, words = LockOutcome.FOREIGN, f"Held by another owner and left alone: {left.holder}"
    if left.released:
        outcome, words = LockOutcome.RELEASED, f"The executor left it ({left.holder}); it was given back"
    Attempt.objects.filter(pk=attempt.pk).update(state_lock=outcome)
    attempt.state_lock = outcome
    record_event(attempt, EventKind.LOCK, words)
