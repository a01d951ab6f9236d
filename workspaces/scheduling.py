"""When schedules are due, and the schedules that a job's flow asks for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.utils import timezone

from workspaces import cron
from workspaces.flows import ScheduledTemplate
from workspaces.models import Job, Schedule

CLOCK_NAME = "serviceAccount"
"""Terrakube's name for whoever makes and starts what the clock starts."""


class CannotSchedule(Exception):
    """A flow asks for a schedule that cannot be; the message is a sentence for the user."""


def next_time(schedule: Schedule, now: dt.datetime) -> dt.datetime | None:
    """When a schedule is due after a moment; None when it never is, or when its expression is none."""
    try:
        return cron.parse(schedule.cron).next_after(now) if schedule.enabled else None
    except cron.CronError:
        # It is refused with its sentence when the record is checked.
        return None


def schedule_templates(job: Job, wanted: Iterable[ScheduledTemplate]) -> None:
    """Give a job's workspace the schedules that its flow names; one that is there already stays the only one.

    Raises CannotSchedule for a template that the organization lacks, and for an expression that is none.
    """
    now = timezone.now()
    templates = {template.name: template for template in job.organization.templates.all()}
    for entry in wanted:
        template = templates.get(entry.name)
        if template is None:
            raise CannotSchedule(f"The organization has no template {entry.name} to schedule")
        try:
            cron.parse(entry.schedule)
        except cron.CronError as error:
            raise CannotSchedule(f"The template {entry.name} cannot be scheduled: {error}") from error
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
        schedule.next_at = next_time(schedule, now)
        schedule.save()
