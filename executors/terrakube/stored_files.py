"""Files of a run that only Terrakube's object storage has, served to clients.

These include logs, states and plans from before this site replaced Terrakube, under their old addresses.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from uuid import UUID

from rest_framework.exceptions import APIException

from executors.models import Attempt
from executors.terrakube import storage
from executors.terrakube.log_lines import masked_log
from executors.terrakube.storage import StorageError
from workspaces.models import Job, StateVersion, Step, Workspace


class StorageUnavailable(APIException):
    """The object storage does not answer."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE


def _ask_storage(load: Callable[[], bytes | None]) -> bytes | None:
    try:
        return load()
    except StorageError as error:
        raise StorageUnavailable(f"The object storage does not answer: {error}") from error


def step_log(step_id: UUID) -> bytes | None:
    """Return the log of a step that is stored nowhere else, None without one. Raises StorageUnavailable."""
    if not storage.is_readable():
        return None
    step = Step.objects.select_related("job").get(pk=step_id)
    attempt = Attempt.objects.filter(step=step, claimed_at__isnull=False, session_hash="").order_by("-number").first()
    data = _ask_storage(lambda: storage.load_log(step.job.organization_id, step.job_id, step.pk))
    return masked_log(attempt, data) if attempt is not None and data else data


def described_state(workspace: Workspace, key: UUID) -> bytes | None:
    """Return the ``show -json`` output of a state, None without it. Raises StorageUnavailable."""
    return _ask_storage(lambda: storage.load_described_state(workspace.organization_id, workspace.pk, key))


def current_state(workspace: Workspace) -> bytes | None:
    """Return the last announced state, else the one of terraform's backend, or None. Raises StorageUnavailable."""
    announced = StateVersion.objects.filter(workspace=workspace, content=None)
    key = announced.order_by("-number").values_list("pk", flat=True).first()
    found = None
    if key is not None:
        found = _ask_storage(lambda: storage.load_state(workspace.organization_id, workspace.pk, key))
    if found is not None:
        return found
    return _ask_storage(lambda: storage.load_current_state(workspace.organization_id, workspace.pk))


def plan(workspace: Workspace, job_id: int, step_id: UUID) -> bytes | None:
    """Return the saved plan of a step, None without one. Raises StorageUnavailable."""
    if not Job.objects.filter(pk=job_id, workspace=workspace, steps=step_id).exists():
        return None
    return _ask_storage(lambda: storage.load_plan(workspace.organization_id, workspace.pk, job_id, step_id))
