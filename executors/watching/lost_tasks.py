"""Work whose queued task was lost: found by its records, and queued again.

A task is lost with the worker that had taken it, with the broker, or between a commit and its queueing. All of them may
be queued twice without harm, so a task that is merely late costs little; one that is queued again and again does, hence
the growing pauses.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterable, Iterator

from django.db.models import Exists, F, Min, OuterRef, Q
from django.utils import timezone

from executors import attempts
from executors.choices import AttemptState
from executors.models import Attempt
from workspaces import capacity, transitions
from workspaces.choices import FINAL_JOB, IN_EXECUTOR, JobStatus
from workspaces.models import Job, Step
from workspaces.queueing import enqueue

logger = logging.getLogger(__name__)
LATE_SECONDS = 10
"""After which a task that should have been worked on counts as lost."""
LONGEST_PAUSE_SECONDS = 300.0
AT_ONCE = 100


class Requeue:
    """Queues a task again, with a pause that doubles each time it did not help."""

    def __init__(self) -> None:
        self._next: dict[tuple[str, str, str], tuple[float, float]] = {}

    def __call__(self, name: str, *arguments: int | str, occasion: object = "") -> None:
        """Queue a task, unless that was done lately for the same ``occasion``."""
        key, now = (name, str(arguments), str(occasion)), time.monotonic()
        at, pause = self._next.get(key, (0.0, LATE_SECONDS / 2))
        if now < at:
            return
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        self._next[key] = (now + pause, pause)
        enqueue(f"executors.tasks.{name}", *arguments)

    def forget_old(self) -> None:
        """Drop what was not queued again for long: its work was done."""
        limit = time.monotonic() - 2 * LONGEST_PAUSE_SECONDS
        self._next = {key: value for key, value in self._next.items() if value[0] > limit}


def launch_due(requeue: Requeue) -> int:
    """Queue the launch of attempts that are due and that nobody else launches; how many there are. One query."""
    now = timezone.now()
    # A first attempt is launched by whoever made it, so only a late one is a lost one. What was put off has nobody.
    late = now - dt.timedelta(seconds=LATE_SECONDS)
    due = Attempt.objects.filter(
        Q(not_before__gt=F("created_at")) | Q(created_at__lt=late), state=AttemptState.NEW, not_before__lte=now
    )
    found = list(due.order_by("not_before").values_list("step_id", "not_before")[:AT_ONCE])
    for step_id, not_before in found:
        # Put off again, it is another occasion.
        requeue("launch_step", str(step_id), occasion=not_before)
    return len(found)


def relaunch_steps(requeue: Requeue) -> None:
    """Look after steps that are with an executor without an attempt that is open."""
    late = timezone.now() - dt.timedelta(seconds=LATE_SECONDS)
    open_attempt = Attempt.objects.filter(step=OuterRef("pk")).exclude(state=AttemptState.ENDED)
    steps = Step.objects.filter(~Exists(open_attempt), status__in=IN_EXECUTOR, queued_at__lt=late)
    for step in steps.order_by("queued_at")[:AT_ONCE]:
        last = Attempt.objects.filter(step=step).order_by("-number").first()
        if last is None:
            logger.warning("%s of job %s was never launched; it is queued again", step, step.job_id)
            requeue("launch_step", str(step.pk))
        elif attempts.tell_again(last):
            logger.warning("%s of job %s did not know how its attempt ended", step, step.job_id)


def advance_jobs(requeue: Requeue) -> None:
    """Look after jobs that could go on and for which nobody does anything."""
    late = timezone.now() - dt.timedelta(seconds=LATE_SECONDS)
    between_steps = Q(status=JobStatus.PENDING, started_at__isnull=False)
    # Who waits for room is called when there is some: see fill_room.
    stopped = Job.objects.filter(between_steps | Q(status=JobStatus.APPROVED), updated_date__lt=late, waits_for_room="")
    for job_id, updated in stopped.order_by("pk").values_list("pk", "updated_date")[:AT_ONCE]:
        requeue("advance_job", job_id, occasion=updated)
    # Only whoever advances it can tell whether a job may start; those that surely may not are left out.
    holder = Job.objects.filter(workspace=OuterRef("workspace_id"), holds_workspace=True)
    waiting = Job.objects.filter(
        Q(plan_only=True) | ~Exists(holder),
        status=JobStatus.PENDING,
        started_at=None,
        waits_for_room="",
        updated_date__lt=late,
        workspace__locked=False,
    )
    # In no order: more of them than one pass takes, which can't start for long, must not hold up the others.
    workspaces = waiting.values("workspace_id").annotate(first=Min("pk")).order_by("?")
    for workspace_id in workspaces.values_list("workspace_id", flat=True)[:AT_ONCE]:
        requeue("advance_workspace", str(workspace_id))


def fill_room(requeue: Requeue) -> None:
    """Call whoever is first in line, when there is room and nobody seems to know. One query while nobody waits."""
    first = capacity.first_in_line() if capacity.somebody_waits() else None
    if first is not None:
        requeue("fill_room", occasion=first.pk)


def cancel_steps(requeue: Requeue, opened: Iterable[Attempt]) -> Iterator[Attempt]:
    """Queue the cancelling of attempts whose step has ended without them; yields the others."""
    for attempt in opened:
        if attempt.step.is_final and attempt.state != AttemptState.INTERRUPTING:
            requeue("cancel_step", str(attempt.step_id))
        else:
            yield attempt


def release_workspaces() -> None:
    """Free the workspaces of ended jobs that have no attempt any more which runs or may run."""
    still = Attempt.objects.filter(step__job=OuterRef("pk")).filter(
        ~Q(state=AttemptState.ENDED) | attempts.MAY_RUN_STILL
    )
    held = Job.objects.filter(~Exists(still), status__in=FINAL_JOB, holds_workspace=True)
    for job_id in held.values_list("pk", flat=True)[:AT_ONCE]:
        transitions.release_workspace(job_id)
