"""Compute when schedules are due, and create the schedules that a job's flow requests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from django.utils import timezone

from workspaces import cron
from workspaces.flows import ScheduledTemplate
from workspaces.jobs.acting import actor_behind, copy_actor
from workspaces.jobs.start_rules import starter_on, why_not_template
from workspaces.models import Job, Schedule
from workspaces.reasons import reason

CLOCK_NAME = "serviceAccount"
"""Terrakube's name for the creator of schedules' jobs."""


class CannotSchedule(Exception):
    """A flow requests an invalid schedule; ``why`` is the reason of its job."""

    def __init__(self, form: str, /, **words: object) -> None:
        self.why = reason("no-schedules", form, **words)
        super().__init__(str(self.why))


def next_time(schedule: Schedule, now: dt.datetime) -> dt.datetime | None:
    """When a schedule is due after a moment; None when it never is, or when its expression or time zone is none."""
    return next(iter(next_times(schedule, now, 1)), None) if schedule.enabled else None


def next_times(schedule: Schedule, now: dt.datetime, count: int) -> list[dt.datetime]:
    """Return the next times at which a schedule would be due, in its own time zone; fewer when it ends before."""
    try:
        expression, zone = cron.parse(schedule.cron), ZoneInfo(schedule.time_zone)
    except (cron.CronError, KeyError, ValueError, OSError):
        # Validation of the record refuses it with an error message.
        return []
    found: list[dt.datetime] = []
    due = expression.next_after(now, zone)
    while due is not None and len(found) < count:
        found.append(due.astimezone(zone))
        due = expression.next_after(due, zone)
    return found


def schedule_templates(job: Job, wanted: Iterable[ScheduledTemplate]) -> None:
    """Create the schedules that a job's flow names on its workspace; an existing one is not duplicated.

    They run with the rights of the user who started the job. Raises CannotSchedule for a template that is missing or
    that this user may not start, and for an invalid expression.
    """
    now = timezone.now()
    starter = starter_on(job.workspace, actor_behind(job))
    templates = {template.name: template for template in job.organization.templates.all()}
    for entry in wanted:
        template = templates.get(entry.name)
        if template is None:
            raise CannotSchedule("no-template", template=entry.name)
        try:
            cron.parse(entry.schedule)
        except cron.CronError as error:
            raise CannotSchedule("no-schedule", template=entry.name, error=error) from error
        refused = why_not_template(template, starter)
        if refused:
            person = job.acts_for_name or job.created_by
            raise CannotSchedule("may-not-schedule", person=person, template=entry.name, why=refused)
        if Schedule.objects.filter(
            workspace=job.workspace_id, template=template, cron=entry.schedule, enabled=True
        ).exists():
            continue
        schedule = Schedule(
            workspace_id=job.workspace_id,
            template=template,
            cron=entry.schedule,
            created_by=CLOCK_NAME,
            updated_by=CLOCK_NAME,
        )
        copy_actor(schedule, job)
        schedule.next_at = next_time(schedule, now)
        schedule.save()
