"""What comes before a pod of Terrakube's image."""

from __future__ import annotations

from executors.launching.errors import LaunchError
from executors.models import Attempt
from executors.terrakube import storage, stream
from executors.terrakube.storage import StorageError
from workspaces.choices import PLAN_TYPES, StepType
from workspaces.models import Step
from workspaces.services.sources import pin_source

_WITH_STATE = PLAN_TYPES | {StepType.APPLY, StepType.DESTROY}


def prepare(attempt: Attempt, step: Step) -> None:
    """Make ready for a pod that reads its source's address in the job and writes its log into the job's stream.

    Raises LaunchError while the pod of an earlier attempt may be there, since both would speak for the same step, and
    for a state that this pod would not see.
    """
    if Attempt.objects.filter(step=step, cleaned_at=None).exclude(pk=attempt.pk).exists():
        raise LaunchError("last-pod", "Waits until the pod of the last attempt is gone", retryable=True)
    _require_state(step)
    pin_source(step.job)
    stream.delete(step.job_id)


def _require_state(step: Step) -> None:
    """Refuse a step that would run as if its workspace had no state, since another executor left it to this site."""
    workspace = step.job.workspace
    if step.type not in _WITH_STATE or not workspace.state_versions.exists():
        return
    try:
        there = storage.has_current_state(workspace.organization_id, workspace.pk)
    except StorageError as error:
        raise LaunchError(
            "storage-unavailable", f"The object storage does not answer: {error}", retryable=True
        ) from error
    if there is False:
        raise LaunchError(
            "state-elsewhere",
            f"The state of {workspace.name} is kept by this site and not in the object storage, where Terrakube's "
            "executor would look for it: copy it there, as terraform.tfstate of the workspace",
        )
