"""Open, postpone and launch attempts: their life until a Job or process exists."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from executors.attempts.lifecycle.writes import create_attempt, lock_job, move_attempt, record_event
from executors.choices import AttemptState, EventKind, ExecutorKind
from executors.models import Attempt
from workspaces.choices import JobStatus
from workspaces.models import Step


def open_first_attempt(step: Step, *, executor: ExecutorKind, cluster: str = "") -> Attempt:
    """Open the first attempt of a step that is being queued, in the same transaction, where nothing else can see it."""
    last = step.attempts.order_by("-number").first() if step.reason_code else None
    number = last.number + 1 if last else 1
    return create_attempt(step, number=number, executor=executor, cluster=cluster, not_before=timezone.now())


def is_from_earlier_queueing(attempt: Attempt, step: Step) -> bool:
    """Return True if an attempt belongs to an earlier queueing of its step, which was put back since."""
    ended, handed_over = attempt.ended_at, step.queued_at
    return ended is not None and handed_over is not None and ended <= handed_over


def open_attempt(step_id: UUID, *, executor: ExecutorKind, cluster: str = "") -> Attempt | None:
    """Return the attempt to launch now for a step: its unlaunched one, else a new first one.

    A new one will run in ``cluster``; one that exists stays where it was to run, since its Job may be there already.
    None if the step does not wait for an executor, or if its attempt was launched or is not due.
    """
    now = timezone.now()
    with transaction.atomic():
        step = lock_job(step_id).step
        if step.status != JobStatus.QUEUE:
            return None
        attempt = step.attempts.order_by("-number").first()
        if attempt is None:
            attempt = create_attempt(step, number=1, executor=executor, cluster=cluster, not_before=now)
        elif is_from_earlier_queueing(attempt, step):
            number = attempt.number + 1
            attempt = create_attempt(step, number=number, executor=executor, cluster=cluster, not_before=now)
        # The sweep handles an ended attempt whose step was not finished: it knows why.
        if attempt.state != AttemptState.NEW or attempt.not_before > now:
            return None
        attempt.step = step
        return attempt


def postpone_launch(attempt: Attempt, *, seconds: int) -> None:
    """Postpone the launch of an attempt that cannot be launched now."""
    move_attempt(attempt, frozenset({AttemptState.NEW}), not_before=timezone.now() + dt.timedelta(seconds=seconds))


def decide_shape(attempt: Attempt, shape: str) -> bool:
    """Record which warm pods an attempt may take, before it takes one; False if a launch of it has decided before.

    Two workers may launch the same attempt, and one may do it again after another died: only the first may take a pod,
    since the others cannot know whether the first has created a Job.
    """
    undecided = Attempt.objects.filter(pk=attempt.pk, state=AttemptState.NEW, shape="")
    return bool(undecided.update(shape=shape))


def use_unique_name(attempt: Attempt) -> None:
    """Give an attempt a unique name, because another Job has its first one."""
    use_job_name(attempt, f"{own_name(attempt)}-{attempt.pk.hex[:8]}")


def use_own_name(attempt: Attempt) -> None:
    """Give an attempt its first name back, because it will not run in the warm pod whose name it has."""
    use_job_name(attempt, own_name(attempt))


def use_job_name(attempt: Attempt, name: str) -> None:
    """Record the name of the Kubernetes Job that will run an attempt, before the attempt uses it."""
    move_attempt(attempt, frozenset({AttemptState.NEW}), job_name=name)


def own_name(attempt: Attempt) -> str:
    """Return the name of an attempt's Job that is created for it alone."""
    return f"job-{attempt.step.job_id}-{attempt.step.step_number}-{attempt.number}"


def mark_launched(attempt: Attempt, *, at: dt.datetime | None = None, **where: Any) -> bool:
    """Record that the attempt's Job or process exists, and ``where`` (columns such as namespace or process_id).

    ``at`` is the time of its creation, None for now.
    """
    now = at or timezone.now()
    # It may have claimed before this record of its launch; then only its place is added.
    moved = move_attempt(attempt, frozenset({AttemptState.NEW}), state=AttemptState.LAUNCHED, launched_at=now, **where)
    if not moved:
        Attempt.objects.filter(pk=attempt.pk, launched_at=None).update(launched_at=now, **where)
    record_event(attempt, EventKind.LAUNCHED, where.get("namespace") or where.get("host") or "", now)
    return moved
