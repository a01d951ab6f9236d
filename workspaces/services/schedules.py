"""Schedules: keep when they are due, and start their jobs then."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from workspaces.access import Actor, TokenUser
from workspaces.choices import Via
from workspaces.errors import ServiceError
from workspaces.models import Job, Schedule
from workspaces.scheduling import CLOCK_NAME, next_time
from workspaces.services.jobs import create_job
from workspaces.services.records import create_record, update_record

logger = logging.getLogger(__name__)
CLOCK = TokenUser(name=CLOCK_NAME, internal=True)


def create_schedule(schedule: Schedule, *, by: Actor) -> Schedule:
    """Make a schedule. Raises NotAllowed and InvalidInput."""
    schedule.next_at = next_time(schedule, timezone.now())
    return create_record(schedule, by=by)


def update_schedule(schedule: Schedule, changes: Mapping[str, Any], *, by: Actor) -> Schedule:
    """Change a schedule; what was due while it was disabled is not made up for. Raises NotAllowed and InvalidInput."""
    for name, value in changes.items():
        setattr(schedule, name, value)
    return update_record(schedule, {**changes, "next_at": next_time(schedule, timezone.now())}, by=by)


def start_due(now: dt.datetime | None = None) -> list[Job]:
    """Start the jobs of all schedules that are due; safe to call from several processes at once.

    A schedule that was due several times in the meantime starts one job. A locked workspace starts none, as in
    Terrakube; its schedule waits for its next time.
    """
    now = now or timezone.now()
    due = Schedule.objects.filter(enabled=True, next_at__lte=now).select_related(
        "workspace__organization", "workspace__default_template", "template"
    )
    started = []
    for schedule in due:
        # Whoever moves the time on starts the job.
        moved = Schedule.objects.filter(pk=schedule.pk, next_at=schedule.next_at).update(
            next_at=next_time(schedule, now)
        )
        workspace = schedule.workspace
        if not moved or workspace.locked or workspace.deleted or workspace.organization.disabled:
            continue
        try:
            job = create_job(workspace, by=CLOCK, template=schedule.template, tcl=schedule.tcl, via=Via.SCHEDULE)
        except ServiceError as error:
            logger.warning("The schedule %s of %s started no job: %s", schedule, workspace, error.message)
        else:
            started.append(job)
    return started
