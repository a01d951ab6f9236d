"""What clients fetch of a run and this site does not keep itself: looked for where Terrakube's executor put it.

So are the logs, states and plans of the time before this site took over from Terrakube, under their old addresses.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from uuid import UUID

from rest_framework.exceptions import APIException

from executors.models import Attempt
from executors.terrakube import storage
from executors.terrakube.folding import masked_log
from executors.terrakube.storage import StorageError
from workspaces.models import Job, StateVersion, Step, Workspace


class StorageUnavailable(APIException):
    """The object storage does not give what may be in it."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE


def _asked(load: Callable[[], bytes | None]) -> bytes | None:
    try:
        return load()
    except StorageError as error:
        raise StorageUnavailable(f"The object storage does not answer: {error}") from error


def step_log(step_id: UUID) -> bytes | None:
    """The log of a step whose executor left it nowhere else; None without one. Raises StorageUnavailable."""
    if not storage.is_readable():
        return None
    step = Step.objects.select_related("job").get(pk=step_id)
    attempt = Attempt.objects.filter(step=step, claimed_at__isnull=False, session_hash="").order_by("-number").first()
    data = _asked(lambda: storage.load_log(step.job.organization_id, step.job_id, step.pk))
    return masked_log(attempt, data) if attempt is not None and data else data


def described_state(workspace: Workspace, key: UUID) -> bytes | None:
    """What ``show -json`` said of a state; None without it. Raises StorageUnavailable."""
    return _asked(lambda: storage.load_described_state(workspace.organization_id, workspace.pk, key))


def current_state(workspace: Workspace) -> bytes | None:
    """The state announced last, else that of terraform's backend; None without one. Raises StorageUnavailable."""
    announced = StateVersion.objects.filter(workspace=workspace, content=None)
    key = announced.order_by("-number").values_list("pk", flat=True).first()
    found = None
    if key is not None:
        found = _asked(lambda: storage.load_state(workspace.organization_id, workspace.pk, key))
    if found is not None:
        return found
    return _asked(lambda: storage.load_current_state(workspace.organization_id, workspace.pk))


def plan(workspace: Workspace, job_id: int, step_id: UUID) -> bytes | None:
    """The saved plan of a step; None without one. Raises StorageUnavailable."""
    if not Job.objects.filter(pk=job_id, workspace=workspace, steps=step_id).exists():
        return None
    return _asked(lambda: storage.load_plan(workspace.organization_id, workspace.pk, job_id, step_id))
