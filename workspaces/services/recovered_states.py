"""States that the site refused from an executor: keep one, make it current, or discard it."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces.actors import Actor, name_of
from workspaces.choices import StateOrigin
from workspaces.errors import WrongState
from workspaces.models import Job, RecoveredState, StateVersion, Workspace
from workspaces.models.history import record_change
from workspaces.permissions import require_permission
from workspaces.reasons import told
from workspaces.services.state import (
    LONGEST_REASON,
    RIGHT,
    above_current,
    add_state_version,
    current_state,
    record_state_replacement,
    require_no_writer,
    required_reason,
    state_md5,
)
from workspaces.services.state_content import read_state
from workspaces.truncation import fitting

MAX_PER_JOB = 5


def keep_recovered_state(workspace: Workspace, content: bytes, *, job: Job | None, why: str) -> RecoveredState | None:
    """Keep a state that was refused as the current one; None if a version of the workspace already has it.

    Of each lineage only a job's newest is kept. Raises InvalidInput for content that is not a state, and WrongState for
    a job with too many.
    """
    state = read_state(content)
    lineage, md5 = state.lineage[:64], state_md5(content)
    with transaction.atomic():
        # As in write_state.
        workspace = Workspace.objects.select_for_update(of=("self",)).get(pk=workspace.pk)
        if workspace.state_versions.filter(serial=state.serial, lineage=lineage, md5=md5).exists():
            return None
        kept = RecoveredState.objects.filter(workspace=workspace, job=job).defer("content").order_by("created_date")
        known: RecoveredState | None = kept.filter(lineage=lineage).first()
        if known is not None and known.serial > state.serial:
            return known
        if known is not None:
            known.delete()
        elif len(kept) >= MAX_PER_JOB:
            raise WrongState(message(_("A job can have at most {most} recovered states."), most=MAX_PER_JOB))
        return RecoveredState.objects.create(
            workspace=workspace,
            job=job,
            serial=state.serial,
            lineage=lineage,
            md5=md5,
            size=len(content),
            content=content,
            why=fitting(why, LONGEST_REASON),
            why_words=told("", why).as_words(),
            created_by=job.created_by if job is not None else "",
            updated_by=job.created_by if job is not None else "",
        )


def make_recovered_state_current(recovered: RecoveredState, *, by: Actor, reason: str) -> StateVersion:
    """Make a recovered state the workspace's current one, whatever the current one is, and record that in the history.

    Raises the serial above the current one of the same lineage, so that no earlier saved plan applies to it. Raises
    NotAllowed, InvalidInput without a reason, and WrongState while another user locked the workspace or something may
    still write its state.
    """
    workspace = recovered.workspace
    require_permission(by, workspace.organization, RIGHT, action=_("replace a state"), workspace=workspace)
    reason = required_reason(reason)
    with transaction.atomic():
        workspace = Workspace.objects.select_for_update(of=("self",)).get(pk=workspace.pk)
        require_no_writer(workspace, by=by)
        row: RecoveredState | None = RecoveredState.objects.filter(pk=recovered.pk).first()
        if row is None:
            raise WrongState(_("The recovered state is gone: it was made current or discarded"))
        newest = current_state(workspace)
        content = above_current(row.content, newest)
        serial = read_state(content).serial
        rises = newest is None or newest.lineage != row.lineage or newest.serial < serial
        after = _("recovered state made current, serial {serial}: {reason}")
        record_state_replacement(workspace, newest, message(after, serial=serial, reason=reason))
        version = add_state_version(
            workspace,
            content,
            newest,
            origin=StateOrigin.RECOVERED,
            reason=reason,
            # Serials that a job writes increase; only a user can make an encrypted state with a lower serial current.
            job=row.job if rises else None,
            created_by=name_of(by),
            updated_by=name_of(by),
        )
        row.delete()
        return version


def discard_recovered_state(recovered: RecoveredState, *, by: Actor, reason: str) -> None:
    """Delete a recovered state and record that in the history. Raises NotAllowed and InvalidInput."""
    workspace = recovered.workspace
    require_permission(by, workspace.organization, RIGHT, action=_("discard a state"), workspace=workspace)
    reason = required_reason(reason)
    before = message(_("recovered, serial {serial}"), serial=recovered.serial)
    after = message(_("discarded: {reason}"), reason=reason)
    with transaction.atomic():
        record_change(workspace, "recovered state", before, after)
        recovered.delete()
