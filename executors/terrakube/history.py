"""States announced by Terrakube's executor, fetched from the object storage."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from executors.terrakube import storage
from executors.terrakube.storage import StorageError
from workspaces.actors import Actor
from workspaces.choices import JobStatus
from workspaces.errors import InvalidInput
from workspaces.models import Job, StateVersion, Workspace
from workspaces.services.recovered_states import keep_recovered_state
from workspaces.services.state import StateRefused, record_state

logger = logging.getLogger(__name__)


def _job(workspace: Workspace, reference: Any) -> Job | None:
    """Return the job that an announcement names, else the workspace's running one: the executor in Go names none."""
    jobs = Job.objects.filter(workspace=workspace)
    text = str(reference or "")
    if not text:
        return jobs.filter(status=JobStatus.RUNNING).first()
    return jobs.filter(pk=int(text)).first() if text.isdecimal() and len(text) < 19 else None


def _raw_state(workspace: Workspace, key: UUID) -> bytes | None:
    """Return the state of an announcement: the executor in Go leaves it where terraform's backend has it alone."""
    found = storage.load_state(workspace.organization_id, workspace.pk, key)
    if found is not None:
        return found
    return storage.load_current_state(workspace.organization_id, workspace.pk)


def record(workspace: Workspace, output: Any, job_reference: Any, *, by: Actor) -> StateVersion:
    """Store the state at the address that an executor gives; a repeated call makes no second version.

    A state that cannot be read now is stored by its id, and fetched when it is needed. Raises InvalidInput for an
    address that names no state, and StateRefused, after storing it as a recovered state, for one that does not
    follow the current state.
    """
    key = storage.state_key(output) if isinstance(output, str) else None
    if key is None:
        raise InvalidInput("output must be the address of a state: …/tfstate/v1/organization/…/state/<uuid>.json.")
    content = described = None
    try:
        content = _raw_state(workspace, key)
        described = storage.load_described_state(workspace.organization_id, workspace.pk, key)
    except StorageError as error:
        logger.warning("State %s was announced and not read: %s", key, error)
    job = _job(workspace, job_reference)
    try:
        return record_state(workspace, key=key, job=job, content=content, described=described, by=by)
    except InvalidInput:
        if content is None:
            raise
        logger.warning("State %s in storage is none", key)
        return record_state(workspace, key=key, job=job, content=None, described=described, by=by)
    except StateRefused as refused:
        if content is not None:
            keep_recovered_state(workspace, content, job=job, why=refused.message)
        raise
