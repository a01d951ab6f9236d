"""Roll a workspace's state back to an earlier version: a copy of it becomes the current state."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces.actors import Actor, name_of
from workspaces.choices import StateOrigin
from workspaces.errors import WrongState
from workspaces.models import StateVersion, Workspace
from workspaces.permissions import require_permission
from workspaces.services.state import (
    LONGEST_REASON,
    RIGHT,
    add_state_version,
    current_state,
    record_state_replacement,
    require_no_writer,
)
from workspaces.services.state_content import with_serial


def roll_back_state(version: StateVersion, *, by: Actor, reason: str) -> StateVersion:
    """Make a copy of an earlier version the current state, and record the reason in the workspace's history.

    ``reason`` is empty where a client of Terrakube's API gives none. The workspace is locked meanwhile: no job starts
    and nothing else writes its state. Raises NotAllowed, StateLocked, and WrongState while another user locked the
    workspace, it has an unfinished job or is deleted, for the current version, and for a state that cannot be copied.
    """
    workspace = version.workspace
    require_permission(by, workspace.organization, RIGHT, action=_("roll back a state"), workspace=workspace)
    with transaction.atomic():
        row = Workspace.objects.select_for_update(of=("self",)).get(pk=workspace.pk)
        require_no_writer(row, by=by)
        return copy_as_newest(row, version, by=by, reason=reason.strip()[:LONGEST_REASON])


def copy_as_newest(row: Workspace, version: StateVersion, *, by: Actor, reason: str) -> StateVersion:
    """Add a copy of a version as the newest one. The caller holds the workspace's row lock and checked the right.

    The copy has the lineage of the current state and the serial after it, in its file too: terraform writes its next
    state with the one above. Raises WrongState for the current version and for a state that cannot be copied.
    """
    newest = current_state(row)
    if newest is None or newest.pk == version.pk:
        raise WrongState(message(_("Version {number} is already the current state."), number=version.number))
    # A current state in storage that could not be read has no lineage to continue.
    lineage = version.lineage if newest.content is None else newest.lineage
    raised = None if version.content is None else with_serial(version.content, newest.serial + 1, lineage=lineage)
    if raised is None:
        raise WrongState(_("This state cannot be copied: it is encrypted, or in storage that cannot be read."))
    after = message(_("rolled back to version {number}"), number=version.number)
    if reason:
        after = message(_("rolled back to version {number}: {reason}"), number=version.number, reason=reason)
    record_state_replacement(row, newest, after)
    return add_state_version(
        row,
        raised,
        newest,
        # What is described is the same: the description has no serial.
        json=version.json,
        origin=StateOrigin.ROLLBACK,
        copied_number=version.number,
        reason=reason,
        created_by=name_of(by),
        updated_by=name_of(by),
    )
