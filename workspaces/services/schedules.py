"""Create and change schedules, and start the jobs that are due."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces import flows
from workspaces.actors import Actor, groups_of, is_admin
from workspaces.choices import Via
from workspaces.errors import NotAllowed, ServiceError
from workspaces.jobs.acting import COLUMNS, actor_behind, keep_actor
from workspaces.jobs.schedules import CLOCK_NAME, next_time
from workspaces.jobs.start_rules import Start, check_start, parsed
from workspaces.models import Job, Schedule
from workspaces.reasons import NONE, told
from workspaces.services.jobs import create_job
from workspaces.services.records import create_record, require_right, update_record

logger = logging.getLogger(__name__)


def create_schedule(schedule: Schedule, *, by: Actor) -> Schedule:
    """Create a schedule; its jobs start with its creator's rights. Raises NotAllowed and InvalidInput."""
    require_right(schedule, by=by, verb="create")
    schedule.next_at = next_time(schedule, timezone.now())
    keep_actor(schedule, by)
    _check_start(schedule, by=by)
    return create_record(schedule, by=by)


def update_schedule(schedule: Schedule, changes: Mapping[str, Any], *, by: Actor) -> Schedule:
    """Change a schedule; its jobs then start with the rights of the user who changed it.

    Runs missed while it was disabled are not made up. Raises NotAllowed and InvalidInput.
    """
    require_right(schedule, by=by, verb="change")
    for name, value in changes.items():
        setattr(schedule, name, value)
    keep_actor(schedule, by)
    if schedule.enabled:
        # Users who manage the workspace may disable a schedule that they could not start.
        _check_start(schedule, by=by)
    acting = {name: getattr(schedule, name) for name in COLUMNS}
    written = {
        **changes,
        **acting,
        "next_at": next_time(schedule, timezone.now()),
        "refusal": "",
        "refusal_words": None,
    }
    return update_record(schedule, written, by=by)


def _check_start(schedule: Schedule, *, by: Actor) -> None:
    """Refuse a schedule whose jobs the actor may not start. Raises NotAllowed."""
    text = schedule.template.tcl if schedule.template is not None else schedule.tcl
    if not text:
        # The record's own validation reports a missing template.
        return
    try:
        flow = parsed(text)
    except flows.FlowError:
        return
    check_start(Start(flow=flow, template=schedule.template), by=by, workspace=schedule.workspace)


def start_due(now: dt.datetime | None = None) -> list[Job]:
    """Start the jobs of all due schedules; safe to call from several processes at once.

    A schedule that missed several times starts one job. A locked workspace starts none, as in Terrakube; the schedule
    waits for its next time. So does a schedule whose owner may no longer start the job; its ``refusal`` then says why.
    """
    now = now or timezone.now()
    due = Schedule.objects.filter(enabled=True, next_at__lte=now).select_related(
        "workspace__organization", "workspace__default_template", "template"
    )
    started = []
    for schedule in due:
        # The process that advances the time starts the job.
        moved = Schedule.objects.filter(pk=schedule.pk, next_at=schedule.next_at).update(
            next_at=next_time(schedule, now)
        )
        workspace = schedule.workspace
        if not moved or workspace.locked or workspace.deleted or workspace.organization.disabled:
            continue
        refusal = NONE
        try:
            started.append(_start(schedule))
        except ServiceError as error:
            logger.warning("The schedule %s of %s started no job: %s", schedule, workspace, error.message)
            refusal = told("", error.message)
        if str(refusal) != schedule.refusal:
            Schedule.objects.filter(pk=schedule.pk).update(refusal=str(refusal), refusal_words=refusal.as_words())
    return started


def _start(schedule: Schedule) -> Job:
    """Start the job of a schedule with its owner's current rights. Raises ServiceError."""
    by = actor_behind(schedule)
    if by is not None and not groups_of(by) and not is_admin(by):
        no_rights = _(
            "The schedule runs with the rights of {person}, who is inactive, in no team or unknown. Save it to run "
            "it with your rights."
        )
        raise NotAllowed(message(no_rights, person=schedule.acts_for_name or schedule.updated_by or "–"))
    return create_job(
        schedule.workspace,
        by=by,
        template=schedule.template,
        tcl=schedule.tcl,
        via=Via.SCHEDULE,
        named=CLOCK_NAME,
    )
