"""What comes before a pod of Terrakube's image."""

from __future__ import annotations

from executors.launching.errors import LaunchError
from executors.models import Attempt
from executors.terrakube import stream
from workspaces.models import Step
from workspaces.services.sources import pin_source


def prepare(attempt: Attempt, step: Step) -> None:
    """Make ready for a pod that reads its source's address in the job and writes its log into the job's stream.

    Raises LaunchError while the pod of an earlier attempt may be there: both would speak for the same step.
    """
    if Attempt.objects.filter(step=step, cleaned_at=None).exclude(pk=attempt.pk).exists():
        raise LaunchError("last-pod", "Waits until the pod of the last attempt is gone", retryable=True)
    pin_source(step.job)
    stream.delete(step.job_id)
