"""Find work whose queued task was lost, by its records, and queue it again.

A task is lost with its worker, with the broker, or between a commit and its queueing. Queueing a task twice is
harmless, so one that is merely late costs little; a task queued again and again does cost, hence the growing pauses.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterable, Iterator

from django.db.models import Exists, F, Min, OuterRef, Q
from django.utils import timezone

from executors.attempts import lifecycle
from executors.choices import AttemptState
from executors.models import Attempt
from workspaces.choices import FINAL_JOB, IN_EXECUTOR, UNFINISHED_JOB, JobStatus
from workspaces.jobs import capacity, transitions
from workspaces.jobs.transitions.table import REJECTED
from workspaces.models import Job, Step
from workspaces.querysets import BARRED
from workspaces.task_queue.client import enqueue, explain_silence

logger = logging.getLogger(__name__)
LATE_SECONDS = 10
"""Time after which an unprocessed task counts as lost."""
LONGEST_PAUSE_SECONDS = 300.0
AT_ONCE = 100


class Requeue:
    """Queues a task again, with a backoff that doubles while that does not help."""

    def __init__(self) -> None:
        self._next: dict[tuple[str, str, str], tuple[float, float]] = {}

    def __call__(self, name: str, *arguments: int | str, occasion: object = "") -> None:
        """Queue a task unless this was done recently for the same ``occasion``."""
        key, now = (name, str(arguments), str(occasion)), time.monotonic()
        at, pause = self._next.get(key, (0.0, LATE_SECONDS / 2))
        if now < at:
            return
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        self._next[key] = (now + pause, pause)
        enqueue(f"executors.tasks.{name}", *arguments)
        explain_silence(f"executors.tasks.{name}", *arguments)

    def forget_old(self) -> None:
        """Forget tasks that were not queued again for long: their work is done."""
        limit = time.monotonic() - 2 * LONGEST_PAUSE_SECONDS
        self._next = {key: value for key, value in self._next.items() if value[0] > limit}


def requeue_launches(requeue: Requeue) -> int:
    """Queue the launch of due attempts that no task will launch; return their number. Costs one query."""
    now = timezone.now()
    # The task that opened a first attempt also launches it, so only a late one is lost. No task is left for a
    # postponed one.
    late = now - dt.timedelta(seconds=LATE_SECONDS)
    due = Attempt.objects.filter(
        Q(not_before__gt=F("created_at")) | Q(created_at__lt=late), state=AttemptState.NEW, not_before__lte=now
    )
    found = list(due.order_by("not_before").values_list("step_id", "not_before")[:AT_ONCE])
    for step_id, not_before in found:
        # Each postponement is an occasion of its own.
        requeue("launch_step", str(step_id), occasion=not_before)
    return len(found)


def requeue_steps(requeue: Requeue) -> None:
    """Queue the launch of queued or running steps without an open attempt."""
    late = timezone.now() - dt.timedelta(seconds=LATE_SECONDS)
    open_attempt = Attempt.objects.filter(step=OuterRef("pk")).exclude(state=AttemptState.ENDED)
    steps = Step.objects.filter(~Exists(open_attempt), status__in=IN_EXECUTOR, queued_at__lt=late)
    for step in steps.order_by("queued_at")[:AT_ONCE]:
        last = Attempt.objects.filter(step=step).order_by("-number").first()
        if last is None or lifecycle.is_from_earlier_queueing(last, step):
            logger.warning("%s of job %s was never launched; it is queued again", step, step.job_id)
            requeue("launch_step", str(step.pk))
        elif lifecycle.repeat_outcome(last):
            logger.warning("%s of job %s did not know how its attempt ended", step, step.job_id)


def requeue_jobs(requeue: Requeue) -> None:
    """Queue the advance of jobs that could continue and that no task works on."""
    late = timezone.now() - dt.timedelta(seconds=LATE_SECONDS)
    between_steps = Q(status=JobStatus.PENDING, started_at__isnull=False)
    rejected = Step.objects.filter(job=OuterRef("pk"), decision=REJECTED, status=JobStatus.PENDING)
    decided = Q(status=JobStatus.APPROVED) | Q(Exists(rejected), status=JobStatus.WAITING_APPROVAL)
    # A job that waits for capacity is called when there is some: see fill_room. In a locked workspace no job
    # continues.
    stopped = Q(between_steps | decided, waits_for_room="", workspace__locked=False)
    barred = Q(BARRED, status__in=UNFINISHED_JOB - IN_EXECUTOR)
    found = Job.objects.filter(stopped | barred, updated_date__lt=late)
    for job_id, updated in found.order_by("pk").values_list("pk", "updated_date")[:AT_ONCE]:
        requeue("advance_job", job_id, occasion=updated)
    # Only ``advance`` can tell whether a job may start; jobs that certainly may not are left out.
    holder = Job.objects.filter(workspace=OuterRef("workspace_id"), holds_workspace=True)
    waiting = Job.objects.filter(
        Q(plan_only=True) | ~Exists(holder),
        status=JobStatus.PENDING,
        started_at=None,
        waits_for_room="",
        updated_date__lt=late,
        workspace__locked=False,
    )
    # In random order: if more jobs than one pass takes are blocked for long, they must not hold up the others.
    workspaces = waiting.values("workspace_id").annotate(first=Min("pk")).order_by("?")
    for workspace_id in workspaces.values_list("workspace_id", flat=True)[:AT_ONCE]:
        requeue("advance_workspace", str(workspace_id))


def requeue_next_in_line(requeue: Requeue) -> None:
    """Queue the job that is first in line if there is capacity. Costs one query while none waits."""
    first = capacity.first_in_line() if capacity.somebody_waits() else None
    if first is not None:
        requeue("fill_room", occasion=first.pk)


def requeue_cancels(requeue: Requeue, opened: Iterable[Attempt]) -> Iterator[Attempt]:
    """Queue the cancelling of attempts whose step has ended without them; yield the others."""
    for attempt in opened:
        if attempt.step.is_final and attempt.state != AttemptState.INTERRUPTING:
            requeue("cancel_step", str(attempt.step_id))
        else:
            yield attempt


def release_workspaces() -> None:
    """Free the workspaces of ended jobs without an attempt that runs or may run."""
    still = Attempt.objects.filter(step__job=OuterRef("pk")).filter(lifecycle.STILL_THERE)
    held = Job.objects.filter(~Exists(still), status__in=FINAL_JOB, holds_workspace=True)
    for job_id in held.values_list("pk", flat=True)[:AT_ONCE]:
        transitions.release_workspace(job_id)
