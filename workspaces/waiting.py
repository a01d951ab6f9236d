"""Why a job that was not yet started must wait, as a code and a sentence."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q, prefetch_related_objects

from workspaces.choices import EXCLUSIVE_TYPES, FINAL_JOB, IN_EXECUTOR, JobStatus, in_english
from workspaces.models import Job, Workspace

# How many jobs that are before a waiting one are counted; of more, its sentence says that there are more.
_COUNTED = 100


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a job waits: a code of ``executors.reasons`` and a sentence."""

    code: str
    sentence: str


def why_wait(job: Job) -> Wait | None:
    """Why a job that was not yet started must wait; None when it need not."""
    workspace = job.workspace
    if workspace.locked:
        return Wait("workspace-locked", f"The workspace is locked: {workspace.lock_description or 'no reason given'}")
    others = Job.objects.open_on_workspace().filter(workspace=workspace).exclude(pk=job.pk)
    if job.plan_only:
        # Its plan takes no state lock; only what may change the state while it reads makes it wait.
        busy = others.filter(
            holds_workspace=True, steps__status__in=IN_EXECUTOR, steps__type__in=EXCLUSIVE_TYPES
        ).first()
        if busy is None:
            return None
        return Wait("workspace-busy", f"Waits for job {busy.pk}, which is changing the state of this workspace")
    # The workspace's active job, else the oldest that came before this one.
    before = others.filter(Q(holds_workspace=True) | Q(pk__lt=job.pk))
    ahead = list(before.order_by("-holds_workspace", "pk").values_list("pk", "status")[:_COUNTED])
    if not ahead:
        return None
    (number, status), others_ahead = ahead[0], len(ahead) - 1
    many = f"{others_ahead} or more" if len(ahead) == _COUNTED else str(others_ahead)
    place = f"; {many} more {'is' if others_ahead == 1 else 'are'} before it" if others_ahead else ""
    if status in FINAL_JOB:
        return Wait("last-pod", f"Waits until the last pod of job {number} of this workspace is gone{place}")
    return Wait(
        "workspace-busy",
        f"Waits for job {number} of this workspace, which is {in_english(JobStatus(status).label).lower()}{place}",
    )


def incomplete(workspace: Workspace) -> list[str]:
    """The keys of a workspace's sensitive variables that have no value."""
    # All of them, and kept: what launches the step reads them next.
    prefetch_related_objects([workspace], "variables")
    return sorted(row.key for row in workspace.variables.all() if row.incomplete)
