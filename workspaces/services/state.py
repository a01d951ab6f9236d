"""What is done with a workspace's state: executors read, write, lock and unlock it; people bring one in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from auditlog.models import LogEntry
from django.db import transaction
from django.utils.translation import gettext_noop as _

from workspaces.access import Actor, name_of
from workspaces.errors import InvalidInput, WrongState
from workspaces.models import Job, StateLock, StateVersion, Workspace


class StateLocked(WrongState):
    """Somebody else holds the state's lock; ``info`` is the holder's lock info."""

    code = "state-locked"

    def __init__(self, info: Mapping[str, Any]) -> None:
        locked = _("The state is locked by {who} ({operation})")
        if not {"Who", "Operation"} & set(info):
            locked = _("The state is locked by somebody (unknown)")
        super().__init__(locked.format(who=info.get("Who", "somebody"), operation=info.get("Operation", "unknown")))
        self.info = dict(info)


def current_state(workspace: Workspace) -> StateVersion | None:
    """The workspace's newest state; None while it has none."""
    return workspace.state_versions.order_by("-number").first()


def _read_state(content: bytes) -> tuple[int, str]:
    """(serial, lineage) of a state. Raises InvalidInput for what is none."""
    try:
        state = json.loads(content)
        return int(state["serial"]), str(state["lineage"])
    except (ValueError, KeyError, TypeError):
        raise InvalidInput(_("This is not a Terraform state: JSON with serial and lineage is expected.")) from None


def _md5(content: bytes) -> str:
    # The backend protocol asks for an MD5; it guards against damage, not against an attacker.
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def write_state(job: Job, content: bytes, *, lock_id: str = "") -> StateVersion:
    """Keep a state that a job's Terraform wrote, as the workspace's newest version.

    Writing the same content again, as a repeated request does, makes no new version. Raises InvalidInput for what is no
    state, and StateLocked when another lock than ``lock_id`` is held.
    """
    serial, lineage = _read_state(content)
    md5 = _md5(content)
    with transaction.atomic():
        # The workspace's row serializes its writers, so that two cannot take the same number.
        workspace = Workspace.objects.select_for_update(of=("self",)).get(pk=job.workspace_id)
        lock = StateLock.objects.filter(workspace=workspace).first()
        if lock is not None and lock.lock_id != lock_id:
            raise StateLocked(lock.info)
        newest = current_state(workspace)
        if newest is not None and newest.md5 == md5 and newest.serial == serial and newest.lineage == lineage:
            return newest
        return StateVersion.objects.create(
            workspace=workspace,
            job=job,
            number=newest.number + 1 if newest else 1,
            serial=serial,
            lineage=lineage[:64],
            md5=md5,
            content=content,
            created_by=job.created_by,
            updated_by=job.created_by,
        )


def record_state(
    workspace: Workspace,
    *,
    key: UUID,
    job: Job | None,
    content: bytes | None,
    described: bytes | None,
    by: Actor,
) -> StateVersion:
    """Keep a state that an executor wrote into storage of its own, as the workspace's newest version.

    ``key`` is its id there and here, so the same again makes no new version. ``content`` None is a state that could not
    be read; ``described`` is its ``show -json`` form. Raises InvalidInput for what is no state, and for an id that is
    taken.
    """
    serial, lineage = (1, "0") if content is None else _read_state(content)
    with transaction.atomic():
        # As in write_state, and so that a repeated request meets the version that the first one makes.
        Workspace.objects.select_for_update(of=("self",)).get(pk=workspace.pk)
        known: StateVersion | None = StateVersion.objects.filter(pk=key).first()
        if known is not None:
            if known.workspace_id != workspace.pk:
                raise InvalidInput(_("This state is another workspace's."))
            return known
        newest = current_state(workspace)
        return StateVersion.objects.create(
            pk=key,
            workspace=workspace,
            job=job,
            number=newest.number + 1 if newest else 1,
            serial=serial,
            lineage=lineage[:64],
            md5="0" if content is None else _md5(content),
            content=content,
            json=described,
            created_by=name_of(by),
            updated_by=name_of(by),
        )


def import_state(workspace: Workspace, content: bytes, *, by: Actor) -> StateVersion:
    """Keep a state that was made elsewhere as the workspace's newest version, as ``terraform state push`` would.

    The workspace's history tells of it. The current state again makes no new version. Raises InvalidInput for what is
    no state, StateLocked, and WrongState while the workspace is locked or has a job that has not ended, for another
    lineage than the workspace's, and for a serial that is not above its current one.
    """
    serial, lineage = _read_state(content)
    md5 = _md5(content)
    with transaction.atomic():
        # As in write_state.
        workspace = Workspace.objects.select_for_update(of=("self",)).get(pk=workspace.pk)
        if workspace.locked:
            why = workspace.lock_description or _("no reason was given")
            raise WrongState(_("{name} is locked: {why}").format(name=workspace.name, why=why))
        lock = StateLock.objects.filter(workspace=workspace).first()
        if lock is not None:
            raise StateLocked(lock.info)
        # A job that waits for approval has planned on the state as it is; one that has ended may still have a pod.
        job = Job.objects.filter(workspace=workspace).open_on_workspace().order_by("pk").first()
        if job is not None:
            busy = _("Job {number} of {name} has not ended: wait for it, or cancel it first")
            raise WrongState(busy.format(number=job.pk, name=workspace.name))
        newest = current_state(workspace)
        # One that lies in storage of its own and could not be read has no lineage and no serial to compare.
        if newest is not None and newest.content is not None:
            if newest.lineage != lineage[:64]:
                another = _("The lineage {lineage} is not that of {name}, {known}: it is another state")
                raise WrongState(another.format(lineage=lineage, name=workspace.name, known=newest.lineage))
            if newest.serial == serial and newest.md5 == md5:
                return newest
            if newest.serial >= serial:
                older = _("The serial {serial} is not above {known}, that of {name}")
                raise WrongState(older.format(serial=serial, known=newest.serial, name=workspace.name))
        # A version says by which job it came; this one has none, so the workspace's history tells of it.
        before = _("none")
        if newest is not None:
            before = _("version {number}, serial {serial}").format(number=newest.number, serial=newest.serial)
        changes = {"state": [before, _("imported, serial {serial}").format(serial=serial)]}
        LogEntry.objects.log_create(workspace, action=LogEntry.Action.UPDATE, changes=changes)
        return StateVersion.objects.create(
            workspace=workspace,
            number=newest.number + 1 if newest else 1,
            serial=serial,
            lineage=lineage[:64],
            md5=md5,
            content=content,
            created_by=name_of(by),
            updated_by=name_of(by),
        )


def describe_state(job: Job, content: bytes) -> bool:
    """Keep the ``show -json`` form of the state that a job wrote last. False when it wrote none."""
    newest = StateVersion.objects.filter(workspace_id=job.workspace_id, job=job).only("pk").first()
    if newest is None:
        return False
    newest.json = content
    newest.save(update_fields=["json"])
    return True


def _lock_info(body: bytes) -> dict[str, Any]:
    try:
        info = json.loads(body)
    except ValueError:
        info = None
    if not isinstance(info, dict) or not isinstance(info.get("ID"), str) or not info["ID"]:
        raise InvalidInput(_("This is not Terraform's lock info: a JSON object with ID is expected."))
    return info


def lock_state(job: Job, body: bytes) -> None:
    """Take the state's lock for a job. Taking it again with the same id is fine. Raises StateLocked, InvalidInput."""
    info = _lock_info(body)
    with transaction.atomic():
        lock, created = StateLock.objects.get_or_create(
            workspace_id=job.workspace_id, defaults={"job": job, "lock_id": info["ID"][:128], "info": info}
        )
    if not created and lock.lock_id != info["ID"][:128]:
        raise StateLocked(lock.info)


def unlock_state(job: Job, body: bytes) -> None:
    """Give the lock back; what is not locked stays so. Raises StateLocked when the id is not the holder's."""
    info = _lock_info(body)
    gone = StateLock.objects.filter(workspace_id=job.workspace_id, lock_id=info["ID"][:128]).delete()[0]
    if not gone:
        lock = StateLock.objects.filter(workspace_id=job.workspace_id).first()
        if lock is not None:
            raise StateLocked(lock.info)


@dataclass(frozen=True, slots=True)
class LeftLock:
    """A state lock that was found when an executor was gone: given back where it was the job's own."""

    holder: str
    released: bool


def _holder(lock: StateLock) -> str:
    parts = [str(lock.info.get(name) or "") for name in ("Who", "Operation", "Created")]
    return ", ".join(part for part in parts if part)[:512] or "unknown"


def drop_orphaned_lock(job: Job) -> LeftLock | None:
    """Give back a lock that an executor of this job left when it died, and keep that in the history; None without any.

    Only the job's own lock, and only for a caller that knows its executor to be gone; somebody else's is left alone.
    """
    lock = StateLock.objects.filter(workspace_id=job.workspace_id).first()
    if lock is None:
        return None
    holder = _holder(lock)
    if lock.job_id != job.pk:
        return LeftLock(holder, released=False)
    gone = StateLock.objects.filter(workspace_id=job.workspace_id, job=job, lock_id=lock.lock_id).delete()[0]
    if not gone:
        return None
    changes = {"state lock": [f"{holder} (job {job.pk})", _("given back: its executor is gone")]}
    LogEntry.objects.log_create(job.workspace, action=LogEntry.Action.UPDATE, changes=changes)
    return LeftLock(holder, released=True)
