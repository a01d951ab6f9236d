"""Why a job that was not yet started must wait, as a code and a sentence."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q, prefetch_related_objects
from django.utils.translation import gettext_noop as _

from workspaces.choices import EXCLUSIVE_TYPES, FINAL_JOB, IN_EXECUTOR, in_words
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
        why = workspace.lock_description or _("no reason given")
        return Wait("workspace-locked", _("The workspace is locked: {why}").format(why=why))
    others = Job.objects.open_on_workspace().filter(workspace=workspace).exclude(pk=job.pk)
    if job.plan_only:
        # Its plan takes no state lock; only what may change the state while it reads makes it wait.
        busy = others.filter(
            holds_workspace=True, steps__status__in=IN_EXECUTOR, steps__type__in=EXCLUSIVE_TYPES
        ).first()
        if busy is None:
            return None
        changes = _("Waits for job {number}, which is changing the state of this workspace")
        return Wait("workspace-busy", changes.format(number=busy.pk))
    # The workspace's active job, else the oldest that came before this one.
    before = others.filter(Q(holds_workspace=True) | Q(pk__lt=job.pk))
    ahead = list(before.order_by("-holds_workspace", "pk").values_list("pk", "status")[:_COUNTED])
    if not ahead:
        return None
    (number, status), others_ahead = ahead[0], len(ahead) - 1
    if status in FINAL_JOB:
        code, sentence = "last-pod", _("Waits until the last pod of job {number} of this workspace is gone")
    else:
        code, sentence = "workspace-busy", _("Waits for job {number} of this workspace, which is {status}")
    sentence = sentence.format(number=number, status=in_words(status))
    return Wait(code, _in_line(sentence, others_ahead))


def _in_line(sentence: str, others: int) -> str:
    """Why a job waits, with how many more are before it."""
    if not others:
        return sentence
    if others + 1 == _COUNTED:
        return _("{sentence}; {number} or more more are before it").format(sentence=sentence, number=others)
    if others == 1:
        return _("{sentence}; 1 more is before it").format(sentence=sentence)
    return _("{sentence}; {number} more are before it").format(sentence=sentence, number=others)


def incomplete(workspace: Workspace) -> list[str]:
    """The keys of a workspace's sensitive variables that have no value."""
    # All of them, and kept: what launches the step reads them next.
    prefetch_related_objects([workspace], "variables")
    return sorted(row.key for row in workspace.variables.all() if row.incomplete)
