"""States that terminals read and write: announced with serial, lineage and MD5, under a lock that the caller holds."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces.actors import Actor, name_of
from workspaces.choices import StateOrigin
from workspaces.errors import InvalidInput, WrongState
from workspaces.models import Job, StateLock, StateUpload, StateVersion, Workspace
from workspaces.permissions import require_permission
from workspaces.services.locks import is_locked_by
from workspaces.services.state import (
    RIGHT,
    StateLocked,
    add_state_version,
    current_state,
    follows,
    record_state_replacement,
    state_md5,
)
from workspaces.services.state_content import LARGEST_SERIAL, read_state
from workspaces.services.state_rollback import copy_as_newest


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """What a terminal says of a state before it sends it.

    ``lineage`` is empty where it says none, ``serial`` and ``md5`` always there. With ``force`` the state may be of
    another lineage or have a lower serial. ``job`` is the run during which it was written.
    """

    serial: int
    md5: str
    lineage: str = ""
    force: bool = False
    job: Job | None = None


def write_state_by_person(
    workspace: Workspace, content: bytes, announced: Announced, *, by: Actor, described: bytes | None = None
) -> StateVersion:
    """Store a state as the workspace's newest version; the current one again creates no new version.

    ``described`` is its ``show -json`` output. Raises NotAllowed, InvalidInput for content that is not a state or has
    another MD5, StateLocked, StateRefused for a state that does not follow the current one, and WrongState unless the
    caller has locked the workspace.
    """
    _require_right(workspace, by)
    with transaction.atomic():
        row = _locked_by(workspace, by)
        return _store(row, content, announced, name_of(by), described)


def announce_state(workspace: Workspace, announced: Announced, *, by: Actor) -> StateUpload:
    """Announce a state that will be uploaded; the workspace stays locked until it has arrived.

    An earlier one that has not arrived is discarded. Raises what ``write_state_by_person`` raises.
    """
    _require_right(workspace, by)
    with transaction.atomic():
        row = _locked_by(workspace, by)
        if announced.lineage:
            _is_new(row, current_state(row), announced, announced.lineage)
        StateUpload.objects.filter(workspace=row).pending().update(discarded=True, json=None)
        return StateUpload.objects.create(
            workspace=row,
            job=announced.job,
            serial=announced.serial,
            lineage=announced.lineage[:64],
            md5=announced.md5,
            force=announced.force,
            created_by=name_of(by),
            updated_by=name_of(by),
        )


def store_upload(upload: StateUpload, content: bytes) -> StateVersion:
    """Store an announced state that arrived. Raises WrongState for one that arrived or was discarded, InvalidInput."""
    with transaction.atomic():
        row = Workspace.objects.select_for_update(of=("self",)).get(pk=upload.workspace_id)
        found = StateUpload.objects.select_for_update(of=("self",)).select_related("job").get(pk=upload.pk)
        if found.version_id is not None:
            raise WrongState(_("This state was already received."))
        if found.discarded or not row.locked:
            raise WrongState(_("The workspace was unlocked before this state arrived."))
        announced = Announced(
            serial=found.serial, md5=found.md5, lineage=found.lineage, force=found.force, job=found.job
        )
        version = _store(row, content, announced, found.created_by, found.json, key=found)
        found.version, found.json = version, None
        found.save(update_fields=["version", "json", "updated_date"])
        return version


def store_upload_json(upload: StateUpload, described: bytes) -> None:
    """Store the ``show -json`` output of an announced state, which may arrive before it. Raises WrongState."""
    with transaction.atomic():
        # In the order in which store_upload locks.
        Workspace.objects.select_for_update(of=("self",)).get(pk=upload.workspace_id)
        found = StateUpload.objects.select_for_update(of=("self",)).select_related("version").get(pk=upload.pk)
        if found.discarded:
            raise WrongState(_("The workspace was unlocked before this state arrived."))
        if found.version is not None:
            if found.version.json is None:
                found.version.json = described
                found.version.save(update_fields=["json"])
            return
        found.json = described
        found.save(update_fields=["json", "updated_date"])


def roll_back_under_lock(version: StateVersion, *, by: Actor) -> StateVersion:
    """Make a copy of an earlier version the current state, as ``state_rollback`` does, for who locked the workspace.

    Raises NotAllowed, StateLocked, and WrongState unless the caller has locked the workspace, or for a state that
    cannot be copied.
    """
    workspace = version.workspace
    _require_right(workspace, by)
    with transaction.atomic():
        return copy_as_newest(_locked_by(workspace, by), version, by=by, reason="")


def _require_right(workspace: Workspace, by: Actor) -> None:
    require_permission(by, workspace.organization, RIGHT, action=_("write a state"), workspace=workspace)


def _locked_by(workspace: Workspace, by: Actor) -> Workspace:
    """Lock the workspace's row and return it. Raises WrongState unless it is locked by the caller and free of jobs."""
    row: Workspace = Workspace.objects.select_for_update(of=("self",)).get(pk=workspace.pk)
    if not is_locked_by(row, by):
        raise WrongState(message(_("{name} must be locked by you before you write its state."), name=row.name))
    _require_no_writer(row)
    return row


def _require_no_writer(workspace: Workspace) -> None:
    """Raise WrongState or StateLocked while a job may write the state."""
    job = Job.objects.filter(workspace=workspace, holds_workspace=True).first()
    if job is not None:
        busy = _("Job {number} of {name} has not ended: wait for it, or cancel it first")
        raise WrongState(message(busy, number=job.pk, name=workspace.name))
    lock = StateLock.objects.filter(workspace=workspace).first()
    if lock is not None:
        raise StateLocked(lock.info)


def _is_new(workspace: Workspace, newest: StateVersion | None, announced: Announced, lineage: str) -> bool:
    if not 0 <= announced.serial <= LARGEST_SERIAL:
        raise InvalidInput(_("The serial must be a whole number."), fields={"serial": "invalid"})
    if newest is None or newest.content is None:
        return True
    is_repeated = (newest.serial, newest.md5) == (announced.serial, announced.md5)
    if is_repeated or announced.force:
        return not is_repeated
    return follows(workspace, newest, announced.serial, lineage, lambda: False)


def _store(
    workspace: Workspace,
    content: bytes,
    announced: Announced,
    author: str,
    described: bytes | None,
    *,
    key: StateUpload | None = None,
) -> StateVersion:
    state = read_state(content)
    if state_md5(content) != announced.md5:
        raise InvalidInput(_("The MD5 does not match the state."), fields={"md5": "wrong"})
    newest = current_state(workspace)
    lineage = announced.lineage or state.lineage
    if not _is_new(workspace, newest, announced, lineage) and newest is not None:
        if newest.json is None and described is not None:
            newest.json = described
            newest.save(update_fields=["json"])
        return newest
    _require_no_writer(workspace)
    after = _("written from a terminal, serial {serial}")
    record_state_replacement(workspace, newest, message(after, serial=announced.serial))
    # Serials that a job writes rise; a forced state is the person's.
    job = None if announced.force else announced.job
    return add_state_version(
        workspace,
        content,
        newest,
        serial=announced.serial,
        lineage=lineage[:64],
        origin=StateOrigin.TERMINAL,
        json=described,
        job=job,
        created_by=author,
        updated_by=author,
        **({} if key is None else {"pk": key.pk}),
    )
