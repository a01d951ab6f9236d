"""Why a job that has not started must wait."""

from __future__ import annotations

from django.db.models import Q

from workspaces.choices import EXCLUSIVE_TYPES, FINAL_JOB, IN_EXECUTOR, JobStatus
from workspaces.jobs.obstacles import is_locked_for, locked
from workspaces.models import Job
from workspaces.querysets import DRIFT_CHECKS
from workspaces.reasons import Reason, framed, reason
from workspaces.variables.job_variables import read_variables

# How many jobs that are before a waiting one are counted; of more, its sentence says that there are more.
_COUNTED = 100


SAVED = Q(save_plan=True, status=JobStatus.WAITING_APPROVAL, holds_workspace=False)
"""Jobs whose saved plan waits for its approval: they hold nothing, and no job waits for them."""


def why_wait(job: Job) -> Reason | None:
    """Return why a job that has not started must wait; None if it need not."""
    workspace = job.workspace
    if is_locked_for(job):
        return locked(workspace)
    if job.surroundings is not None and not job.surroundings.others_open:
        return None
    # Drift checks hold nothing and are given back when another job comes, so no job waits for them.
    others = (
        Job.objects.open_on_workspace().filter(workspace=workspace).exclude(pk=job.pk).exclude(SAVED | DRIFT_CHECKS)
    )
    if job.plan_only:
        # A plan takes no state lock; it waits only for what may change the state while it reads.
        busy = others.filter(
            holds_workspace=True, steps__status__in=IN_EXECUTOR, steps__type__in=EXCLUSIVE_TYPES
        ).first()
        if busy is None:
            return None
        return reason("workspace-busy", "changing", number=busy.pk)
    # The workspace's active job, else the oldest job before this one.
    before = others.filter(Q(holds_workspace=True) | Q(pk__lt=job.pk))
    ahead = list(before.order_by("-holds_workspace", "pk").values_list("pk", "status")[:_COUNTED])
    if not ahead:
        return None
    (number, status), others_ahead = ahead[0], len(ahead) - 1
    if status in FINAL_JOB:
        why = reason("last-pod", "last-pod-of", number=number)
    else:
        why = reason("workspace-busy", "busy-with", number=number, status=reason("", f"is-{status}"))
    return _in_line(why, others_ahead)


def why_give_back(check: Job) -> Reason | None:
    """Return why a drift check that runs nothing must end; None if it may go on. It never waits for another job."""
    if check.workspace.locked:
        return reason("cancelled", "check-of-locked")
    if check.surroundings is not None and not check.surroundings.others_open:
        return None
    other = Job.objects.open_on_workspace().filter(workspace=check.workspace_id).exclude(pk=check.pk)
    number = other.order_by("pk").values_list("pk", flat=True).first()
    return None if number is None else given_back_to(number)


def given_back_to(number: int) -> Reason:
    """Return the reason of a drift check that another job of its workspace ended."""
    return reason("cancelled", "check-for-job", number=number)


def given_back_for_room(number: int) -> Reason:
    """Return the reason of a drift check whose room another job needed."""
    return reason("cancelled", "check-for-room", number=number)


def _in_line(why: Reason, others: int) -> Reason:
    """Why a job waits, with how many more are before it."""
    if not others:
        return why
    if others == 1:
        return framed("one-more-ahead", why)
    return framed("many-more-ahead" if others + 1 == _COUNTED else "more-ahead", why, number=others)


def incomplete(job: Job) -> list[str]:
    """Return the keys of sensitive variables that neither the workspace nor the job gives a value."""
    found = read_variables(job)
    if job.surroundings is not None:
        # The launch of the step needs them next, in this transaction.
        job.surroundings.variables = found
    return sorted({row.key for row in found.workspace if row.incomplete} - {row.key for row in found.job})
