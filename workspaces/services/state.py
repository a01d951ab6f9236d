"""Read, write, lock, unlock and import the state of a workspace."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_noop as _

from terrakube_site.http import strict_json
from terrakube_site.messages import marked, message
from workspaces.actors import Actor, name_of
from workspaces.choices import HistoryVerb, StateOrigin
from workspaces.errors import InvalidInput, WrongState
from workspaces.models import Job, RecoveredState, StateLock, StateVersion, Workspace
from workspaces.models.history import record_change
from workspaces.models.history_recording import note_event
from workspaces.permissions import require_permission
from workspaces.services.locks import Holder, is_locked_by, owner_of
from workspaces.services.state_content import State, check_uploaded, has_same_content, read_state, with_serial

RIGHT = "manage_state"
LONGEST_REASON = 512


class StateRefused(WrongState):
    """A state that does not follow the workspace's current one; ``code`` says why."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class StateLocked(WrongState):
    """Another holder has the state lock; ``info`` is that holder's lock info."""

    code = "state-locked"

    def __init__(self, info: Mapping[str, Any]) -> None:
        locked = _("The state is locked by {who} ({operation})")
        if not {"Who", "Operation"} & set(info):
            locked = _("The state is locked by an unknown user")
        super().__init__(
            message(locked, who=info.get("Who", "an unknown user"), operation=info.get("Operation", "unknown"))
        )
        self.info = dict(info)


def current_state(workspace: Workspace) -> StateVersion | None:
    """Return the workspace's newest state, None if it has none."""
    return workspace.state_versions.order_by("-number").first()


def state_md5(content: bytes) -> str:
    # The backend protocol requires an MD5; it detects damage, not attacks.
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def add_state_version(workspace: Workspace, content: bytes, newest: StateVersion | None, **fields: Any) -> StateVersion:
    """Make a state the workspace's current one. The caller holds the workspace's row lock."""
    state = read_state(content)
    columns = {
        "serial": state.serial,
        "lineage": state.lineage[:64],
        "md5": state_md5(content),
        "resource_count": state.managed,
        **fields,
    }
    version = StateVersion.objects.create(
        workspace=workspace,
        number=newest.number + 1 if newest else 1,
        content=content,
        size=len(content),
        **columns,
    )
    _note_version(version)
    return version


def _note_version(version: StateVersion) -> None:
    told = message(_("Serial {serial}"), serial=version.serial)
    if version.job_id is not None:
        told = message(_("Serial {serial}, written by job {job}"), serial=version.serial, job=version.job_id)
    note_event(version, HistoryVerb.WRITTEN, kind="state", name=str(version.number), sentence=told)


def check_successor(workspace: Workspace, newest: StateVersion | None, content: bytes) -> bool:
    """Return whether a state is new; False if it is the current one again.

    Raises StateRefused where terraform's own backends refuse: for another lineage, for a lower serial, and for the same
    serial with other content.
    """
    # A state in its own storage that could not be read has no lineage and serial to compare.
    if newest is None or newest.content is None:
        return True
    state, known = read_state(content), newest.content

    def is_same() -> bool:
        return newest.md5 == state_md5(content) or has_same_content(known, content)

    return follows(workspace, newest, state.serial, state.lineage, is_same)


def follows(workspace: Workspace, newest: StateVersion, serial: int, lineage: str, is_same: Callable[[], bool]) -> bool:
    """Return whether a state of this serial and lineage is newer than the current one; False if it is that again.

    ``is_same`` compares their content. Raises StateRefused for any other state.
    """
    if newest.lineage != lineage[:64]:
        another = _("The lineage {lineage} is not that of {name}, {known}: it is another state")
        raise StateRefused(
            message(another, lineage=lineage, name=workspace.name, known=newest.lineage),
            code="state-of-another-lineage",
        )
    if newest.serial < serial:
        return True
    if newest.serial == serial and is_same():
        return False
    older = _("The serial {serial} is not above {known}, that of {name}")
    raise StateRefused(message(older, serial=serial, known=newest.serial, name=workspace.name), code="state-not-newer")


def write_state(job: Job, content: bytes, *, lock_id: str = "") -> StateVersion:
    """Store a state that a job's Terraform wrote, as the workspace's newest version.

    Writing the same content again, as a repeated request does, creates no new version. Raises InvalidInput for content
    that is not a state, StateLocked when a lock other than ``lock_id`` is held, and StateRefused for a state that does
    not follow the current one.
    """
    state = read_state(content)
    with transaction.atomic():
        # The lock on the workspace's row serializes writers, so that no two take the same number.
        workspace = Workspace.objects.select_for_update(of=("self",)).get(pk=job.workspace_id)
        lock = StateLock.objects.filter(workspace=workspace).first()
        if lock is not None and lock.lock_id != lock_id:
            raise StateLocked(lock.info)
        newest = current_state(workspace)
        if newest is not None and not check_successor(workspace, newest, content):
            return newest
        # A state of this job that was refused before is superseded by the one it writes now.
        RecoveredState.objects.filter(job=job, lineage=state.lineage[:64], serial__lte=state.serial).delete()
        return add_state_version(
            workspace,
            content,
            newest,
            origin=StateOrigin.JOB,
            job=job,
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
    """Record a state that an executor wrote to its own storage, as the workspace's newest version.

    ``key`` is its ID in both places, so a repeated request creates no new version. ``content`` None is a state that
    could not be read; ``described`` is its ``show -json`` output. Raises InvalidInput for content that is not a state
    and for an ID that is taken, and StateRefused for a state that does not follow the current one.
    """
    known_state = State(1, "0") if content is None else read_state(content)
    with transaction.atomic():
        # As in write_state; a repeated request must also find the version that the first one creates.
        Workspace.objects.select_for_update(of=("self",)).get(pk=workspace.pk)
        known: StateVersion | None = StateVersion.objects.filter(pk=key).first()
        if known is not None:
            if known.workspace_id != workspace.pk:
                raise InvalidInput(_("This state belongs to another workspace."))
            return known
        newest = current_state(workspace)
        if content is not None:
            # A repeated current state has its own address in storage, so it is a version of its own.
            check_successor(workspace, newest, content)
        version = StateVersion.objects.create(
            pk=key,
            workspace=workspace,
            job=job,
            number=newest.number + 1 if newest else 1,
            serial=known_state.serial,
            lineage=known_state.lineage[:64],
            md5="0" if content is None else state_md5(content),
            content=content,
            size=None if content is None else len(content),
            resource_count=known_state.managed,
            origin=StateOrigin.JOB,
            json=described,
            created_by=name_of(by),
            updated_by=name_of(by),
        )
        _note_version(version)
        return version


def require_no_writer(workspace: Workspace, *, by: Actor) -> None:
    """Raise WrongState or StateLocked unless a user may replace the state of a workspace now.

    It must not be deleted, locked by another user, or have a job or an executor that may still write its state. For the
    site itself (``by`` None) every lock is another's, and for everyone that of a pull request and one of before owners
    were recorded.
    """
    if workspace.deleted:
        raise WrongState(message(_("{name} was deleted; its state stays as it is."), name=workspace.shown_name))
    is_personal = owner_of(workspace) != Holder() and workspace.locked_by_pull_request is None
    is_own = by is not None and is_personal and is_locked_by(workspace, by)
    if workspace.locked and not is_own:
        why = workspace.lock_description or marked(_("no reason was given"))
        raise WrongState(message(_("{name} is locked: {why}"), name=workspace.name, why=why))
    lock = StateLock.objects.filter(workspace=workspace).first()
    if lock is not None:
        raise StateLocked(lock.info)
    # A job waiting for approval has planned on this state; an ended job may still have a pod.
    job = Job.objects.filter(workspace=workspace).open_on_workspace().order_by("pk").first()
    if job is not None:
        busy = _("Job {number} of {name} has not ended: wait for it, or cancel it first")
        raise WrongState(message(busy, number=job.pk, name=workspace.name))


def record_state_replacement(workspace: Workspace, newest: StateVersion | None, after: str) -> None:
    """Record in a workspace's history that a user replaced its state."""
    before = marked(_("none"))
    if newest is not None:
        before = message(_("version {number}, serial {serial}"), number=newest.number, serial=newest.serial)
    record_change(workspace, "state", before, after)


def required_reason(reason: str) -> str:
    """Return the reason of a user who replaces a state. Raises InvalidInput if there is none."""
    text = reason.strip()[:LONGEST_REASON]
    if not text:
        raise InvalidInput(
            _("Give a reason. It is kept in the history of the workspace."), fields={"reason": "required"}
        )
    return text


def above_current(content: bytes, newest: StateVersion | None) -> bytes:
    """Return a state with a serial above the current one's, so that no earlier saved plan applies to it.

    A state of another lineage, one whose serial is higher and an encrypted one are returned as they are.
    """
    state = read_state(content)
    if newest is None or newest.lineage != state.lineage[:64] or newest.serial < state.serial:
        return content
    return with_serial(content, newest.serial + 1) or content


def import_state(
    workspace: Workspace, content: bytes, *, by: Actor, reason: str = "", force: bool = False
) -> StateVersion:
    """Store a state made elsewhere as the workspace's newest version, as ``terraform state push`` does.

    The import is recorded in the workspace's history. The current state again creates no new version. With ``force``,
    which takes a reason, the state may be of another lineage or an older one, whose serial is raised.

    Raises NotAllowed, InvalidInput for content that is not a state, StateLocked, WrongState while another user locked
    the workspace or it has an unfinished job, and StateRefused for another lineage, and for a serial that is not above
    the current one.
    """
    require_permission(by, workspace.organization, RIGHT, action=_("write a state"), workspace=workspace)
    check_uploaded(content)
    reason = required_reason(reason) if force else reason.strip()[:LONGEST_REASON]
    with transaction.atomic():
        # As in write_state.
        workspace = Workspace.objects.select_for_update(of=("self",)).get(pk=workspace.pk)
        require_no_writer(workspace, by=by)
        newest = current_state(workspace)
        if force and newest is not None and newest.md5 == state_md5(content):
            return newest
        if force:
            content = above_current(content, newest)
        elif newest is not None and not check_successor(workspace, newest, content):
            return newest
        # A version names the job that wrote it; this one has none, so the history records it.
        record_state_replacement(workspace, newest, _imported(read_state(content).serial, reason))
        return add_state_version(
            workspace,
            content,
            newest,
            origin=StateOrigin.UPLOAD,
            reason=reason,
            created_by=name_of(by),
            updated_by=name_of(by),
        )


def _imported(serial: int, reason: str) -> str:
    if reason:
        return message(_("imported, serial {serial}: {reason}"), serial=serial, reason=reason)
    return message(_("imported, serial {serial}"), serial=serial)


def store_state_json(job: Job, content: bytes) -> bool:
    """Store the ``show -json`` output of the state that a job wrote last. Returns False if it wrote none."""
    newest = StateVersion.objects.filter(workspace_id=job.workspace_id, job=job).only("pk").first()
    if newest is None:
        return False
    newest.json = content
    newest.save(update_fields=["json"])
    return True


def _lock_info(body: bytes) -> dict[str, Any]:
    try:
        info = strict_json.loads(body)
        strict_json.check_leaves(info)
    except ValueError:
        info = None
    if not isinstance(info, dict) or not isinstance(info.get("ID"), str) or not info["ID"]:
        raise InvalidInput(_("This is not Terraform's lock info. Send a JSON object with an ID."))
    return info


def lock_state(job: Job, body: bytes) -> None:
    """Lock the state for a job; locking again with the same ID succeeds. Raises StateLocked, InvalidInput."""
    info = _lock_info(body)
    with transaction.atomic():
        lock, created = StateLock.objects.get_or_create(
            workspace_id=job.workspace_id, defaults={"job": job, "lock_id": info["ID"][:128], "info": info}
        )
    if not created and lock.lock_id != info["ID"][:128]:
        raise StateLocked(lock.info)


def unlock_state(job: Job, body: bytes, *, own: bool = False) -> None:
    """Unlock the state; an unlocked one stays so. Raises StateLocked when the ID is not the holder's.

    With ``own`` a lock of another job stays: its ID is no secret, since a refused lock tells it.
    """
    info = _lock_info(body)
    locks = StateLock.objects.filter(workspace_id=job.workspace_id, lock_id=info["ID"][:128])
    gone = (locks.filter(job=job) if own else locks).delete()[0]
    if not gone:
        lock = StateLock.objects.filter(workspace_id=job.workspace_id).first()
        if lock is not None:
            raise StateLocked(lock.info)


@dataclass(frozen=True, slots=True)
class OrphanedLock:
    """A state lock found after its executor was gone, and whether it was the job's own and was released."""

    holder: str
    released: bool


def _holder(lock: StateLock) -> str:
    parts = [str(lock.info.get(name) or "") for name in ("Who", "Operation", "Created")]
    return ", ".join(part for part in parts if part)[:512] or "unknown"


def release_orphaned_lock(job: Job) -> OrphanedLock | None:
    """Release a lock that an executor of this job left behind, and record that in the history; None if there is none.

    Releases only the job's own lock, and only for a caller that knows the executor is gone.
    """
    lock = StateLock.objects.filter(workspace_id=job.workspace_id).first()
    if lock is None:
        return None
    holder = _holder(lock)
    if lock.job_id != job.pk:
        return OrphanedLock(holder, released=False)
    gone = StateLock.objects.filter(workspace_id=job.workspace_id, job=job, lock_id=lock.lock_id).delete()[0]
    if not gone:
        return None
    gone_executor = marked(_("given back: its executor is gone"))
    record_change(job.workspace, "state lock", f"{holder} (job {job.pk})", gone_executor)
    return OrphanedLock(holder, released=True)
