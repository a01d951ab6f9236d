"""Preparations for a pod of Terrakube's image."""

from __future__ import annotations

from executors.launching.errors import LaunchError
from executors.models import Attempt
from executors.terrakube import storage, stream
from executors.terrakube.storage import StorageError
from executors.terrakube.unsupported_requests import objection_to
from workspaces import flows
from workspaces.choices import PLAN_TYPES, Category, StepType
from workspaces.jobs.scope import asked_by
from workspaces.models import Step
from workspaces.reasons import reason, told
from workspaces.services.sources import pin_source
from workspaces.validation import state_arguments
from workspaces.variables.in_force import step_inputs

_WITH_STATE = PLAN_TYPES | {StepType.APPLY, StepType.DESTROY}


def prepare_launch(attempt: Attempt, step: Step) -> None:
    """Prepare for a pod that reads its source's address from the job and writes its log to the job's stream.

    Raises LaunchError while the pod of an earlier attempt may still exist, since both would report for the same
    step, and for a state that this pod would not see; and always for code of a fork, since the installation's own
    secrets are in the pod's environment.
    """
    if step.job.from_fork:
        raise LaunchError(reason("fork-refused", "fork-image"))
    if Attempt.objects.filter(step=step, cleaned_at=None).exclude(pk=attempt.pk).exists():
        raise LaunchError(reason("last-pod", "last-attempt"), retryable=True)
    objection = objection_to(asked_by(step.job))
    if objection:
        # Refused when a job is created, so this job is older than the image or the workspace's variables.
        raise LaunchError(told("scope-not-kept", objection))
    _require_state(step)
    _refuse_other_backends(step)
    pin_source(step.job)
    stream.delete(step.job_id)


def _refuse_other_backends(step: Step) -> None:
    """Refuse variables saved before they were refused on save: this pod does not check them itself."""
    if step.type not in _WITH_STATE:
        return
    environment = step_inputs(step.job, flows.from_json(step.flow)).texts(Category.ENV)
    for key, text in environment.items():
        refused = state_arguments.state_refusal(key, text)
        if refused is not None:
            raise LaunchError(told("backend-replaced", refused))


def _require_state(step: Step) -> None:
    """Refuse a step that would run without the workspace's state, because another executor left it on this site."""
    workspace = step.job.workspace
    if step.type not in _WITH_STATE or not workspace.state_versions.exists():
        return
    try:
        there = storage.has_current_state(workspace.organization_id, workspace.pk)
    except StorageError as error:
        raise LaunchError(reason("storage-unavailable", "no-storage", error=error), retryable=True) from error
    if there is False:
        raise LaunchError(reason("state-elsewhere", "state-here", workspace=workspace.name))
