"""Who holds a workspace: a person or a team that locked it, or the job that may change it. One rule for all doors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import marked, message
from workspaces.actors import Actor, TokenUser, name_of, user_key
from workspaces.choices import Door, HistoryVerb
from workspaces.errors import WrongState
from workspaces.models import Job, StateLock, StateUpload, Workspace
from workspaces.models.history import record_change
from workspaces.models.history_recording import note_event
from workspaces.permissions import require_permission
from workspaces.task_queue.client import enqueue

RIGHT = "manage_workspace"
LOCK = "lock"
"""What the history calls entries of locks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a workspace: one of a user, a team (by one of its tokens) and a job.

    ``name`` is empty for a lock of before owners were recorded; ``user_id`` is None where no user is known here.
    """

    name: str = ""
    user_id: int | None = None
    team: str = ""
    job: int | None = None


class HeldByAnother(WrongState):
    """The workspace is held by somebody else; ``holder`` says by whom."""

    code = "workspace-held"

    def __init__(self, message: str, holder: Holder) -> None:
        super().__init__(message)
        self.holder = holder


class StatePending(WrongState):
    """A state was announced for upload and has not arrived."""

    code = "state-pending"


def holders_of(workspaces: Iterable[Workspace]) -> Mapping[UUID, Holder]:
    """Return who holds each of some workspaces, with at most one query; those that nobody holds are not in it."""
    rows = list(workspaces)
    found = {row.pk: owner_of(row) for row in rows if row.locked}
    others = [row.pk for row in rows if not row.locked]
    if others:
        jobs = Job.objects.filter(workspace__in=others, holds_workspace=True)
        found |= {key: Holder(job=number) for key, number in jobs.values_list("workspace_id", "pk")}
    return found


def holder_of(workspace: Workspace) -> Holder | None:
    """Return who holds a workspace: who locked it, else the job that may change it."""
    return holders_of([workspace]).get(workspace.pk)


def owner_of(workspace: Workspace) -> Holder:
    """Return who locked a locked workspace."""
    if workspace.locked_by_team:
        return Holder(team=workspace.locked_by_team)
    return Holder(name=workspace.locked_by_name, user_id=workspace.locked_by_user_id)


def owner_columns(by: Actor, *, locked: bool) -> dict[str, Any]:
    """Return the columns that say who locked a workspace, empty ones for an unlocked one."""
    if not locked:
        return {
            "locked_by_user_id": None,
            "locked_by_name": "",
            "locked_by_team": "",
            "locked_by_pull_request": None,
        }
    team = by.team if isinstance(by, TokenUser) else ""
    return {
        "locked_by_user_id": user_key(by),
        "locked_by_name": name_of(by)[:256],
        "locked_by_team": team,
        "locked_by_pull_request": None,
    }


def is_locked_by(workspace: Workspace, actor: Actor) -> bool:
    """Return whether a workspace is locked, and by this actor. A lock of before owners were recorded is anybody's."""
    if not workspace.locked:
        return False
    owner = owner_of(workspace)
    team = actor.team if isinstance(actor, TokenUser) else ""
    if owner.team or team:
        return owner.team == team
    key = user_key(actor)
    if owner.user_id is not None and key is not None:
        return owner.user_id == key
    return owner.name in {"", name_of(actor)}


def _held(workspace: Workspace, holder: Holder) -> HeldByAnother:
    if holder.job is not None:
        busy = _("{name} is held by job {number}: wait for it, or cancel it first")
        return HeldByAnother(message(busy, name=workspace.name, number=holder.job), holder)
    locked = _("{name} is locked by {owner}, who can unlock it; others can only by force")
    owner = holder.team or holder.name or marked(_("an unknown user"))
    return HeldByAnother(message(locked, name=workspace.name, owner=owner), holder)


def _locked_row(workspace: Workspace) -> Workspace:
    found: Workspace = Workspace.objects.select_for_update(of=("self",)).get(pk=workspace.pk)
    return found


def lock_workspace(workspace: Workspace, *, by: Actor, reason: str = "", alone: bool = False) -> Workspace:
    """Lock a workspace: its jobs wait. Raises NotAllowed, and WrongState when it is already locked.

    With ``alone``, which a terminal needs before it writes the state, a job that may change it refuses the lock.
    """
    require_permission(by, workspace.organization, RIGHT, action=_("lock a workspace"), workspace=workspace)
    with transaction.atomic():
        row = _locked_row(workspace)
        if row.locked:
            why = row.lock_description or marked(_("no reason was given"))
            raise WrongState(message(_("{name} is already locked: {why}"), name=row.name, why=why))
        holder = holder_of(row) if alone else None
        if holder is not None:
            raise _held(row, holder)
        Workspace.objects.filter(pk=row.pk).update(
            locked=True,
            lock_description=reason or message(_("Locked by {person}"), person=name_of(by)),
            **owner_columns(by, locked=True),
        )
        note_event(row, HistoryVerb.LOCKED, kind=LOCK, by=by, sentence=reason)
    workspace.refresh_from_db()
    return workspace


def lock_for_pull_request(workspace: Workspace, number: int, *, by: Actor) -> None:
    """Lock a workspace for a pull request that is applied before its merge: only its own jobs go on.

    The right to apply is asked by the caller, whose transaction this is. Raises HeldByAnother where it is locked
    otherwise; a lock of the same pull request stays as it is.
    """
    free = Q(locked=False) | Q(locked_by_pull_request=number)
    owner = {**owner_columns(by, locked=True), "locked_by_pull_request": number}
    why = message(_("Pull request {number} was applied before its merge"), number=number)
    if not Workspace.objects.filter(free, pk=workspace.pk).update(locked=True, lock_description=why, **owner):
        workspace.refresh_from_db()
        raise _held(workspace, owner_of(workspace))
    if not workspace.locked:
        note_event(workspace, HistoryVerb.LOCKED, kind=LOCK, by=by, sentence=why, door=Door.GIT)
    workspace.refresh_from_db()


def unlock_of_pull_request(workspace: Workspace, number: int) -> bool:
    """Give back the lock of a pull request, whose end or whose right is the caller's to know. False if it has none."""
    with transaction.atomic():
        row = _locked_row(workspace)
        if not row.locked or row.locked_by_pull_request != number:
            return False
        clear_lock(row)
        given_back = message(_("The lock of pull request {number} was given back"), number=number)
        note_event(row, HistoryVerb.UNLOCKED, kind=LOCK, sentence=given_back, door=Door.GIT)
        enqueue("executors.tasks.advance_workspace", str(row.pk))
    workspace.refresh_from_db()
    return True


def unlock_workspace(workspace: Workspace, *, by: Actor, force: bool = False) -> Workspace:
    """Unlock a workspace: its jobs continue.

    Only who locked it may, or with ``force`` whoever may manage the workspace, which its history records. ``force``
    also releases a state lock that an ended job left, and discards states that were announced and have not arrived.
    Raises NotAllowed, HeldByAnother, StatePending, and WrongState when it is not locked.
    """
    require_permission(by, workspace.organization, RIGHT, action=_("unlock a workspace"), workspace=workspace)
    with transaction.atomic():
        row = _locked_row(workspace)
        if not force:
            _require_own(row, by)
            if StateUpload.objects.filter(workspace=row).pending().exists():
                raise StatePending(_("The latest state version is still pending"))
        left = _release_left_lock(row) if force else False
        if not row.locked and not left:
            holder = holder_of(row)
            raise (
                WrongState(message(_("{name} is not locked."), name=row.name)) if holder is None else _held(row, holder)
            )
        if force and row.locked and not is_locked_by(row, by):
            owner = owner_of(row)
            before = message(_("locked by {owner}"), owner=owner.team or owner.name)
            record_change(row, "lock", before, marked(_("unlocked by force")))
        if row.locked:
            note_event(row, HistoryVerb.UNLOCKED, kind=LOCK, by=by)
        clear_lock(row)
        enqueue("executors.tasks.advance_workspace", str(row.pk))
    workspace.refresh_from_db()
    return workspace


def clear_lock(workspace: Workspace) -> None:
    """Unlock a workspace and discard the states that were announced under the lock."""
    StateUpload.objects.filter(workspace=workspace).pending().update(discarded=True, json=None)
    Workspace.objects.filter(pk=workspace.pk).update(
        locked=False, lock_description=None, **owner_columns(None, locked=False)
    )


def _require_own(workspace: Workspace, by: Actor) -> None:
    if workspace.locked and not is_locked_by(workspace, by):
        raise _held(workspace, owner_of(workspace))


def _release_left_lock(workspace: Workspace) -> bool:
    """Release the state lock of a job that has ended and has no pod; return whether there was one."""
    lock = StateLock.objects.filter(workspace=workspace).first()
    if lock is None:
        return False
    if lock.job_id is not None and Job.objects.filter(pk=lock.job_id).open_on_workspace().exists():
        return False
    record_change(workspace, "state lock", lock.lock_id, marked(_("released by force")))
    lock.delete()
    return True
