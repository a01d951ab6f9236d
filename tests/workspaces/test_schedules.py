"""Jobs that the clock starts."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from tests.factories import PLAN, OrganizationFactory, TemplateFactory, WorkspaceFactory
from workspaces.choices import JobStatus, Via
from workspaces.errors import InvalidInput
from workspaces.jobs import transitions
from workspaces.jobs.schedules import next_times
from workspaces.models import Job, Schedule, Workspace
from workspaces.services.jobs import create_job
from workspaces.services.schedules import create_schedule, start_due, update_schedule

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    return WorkspaceFactory.create()


@pytest.fixture
def schedule(workspace: Workspace) -> Schedule:
    template = TemplateFactory.create(organization=workspace.organization)
    return create_schedule(Schedule(workspace=workspace, cron="0 0 * * * ?", template=template), by=None)


def test_a_schedule_that_is_due_starts_one_job_and_waits_for_its_next_time(schedule: Schedule) -> None:
    schedule.refresh_from_db()
    assert schedule.next_at is not None
    assert start_due() == []
    late = schedule.next_at + dt.timedelta(hours=5, minutes=1)
    (job,) = start_due(late)
    assert (job.via, job.created_by, job.template) == (Via.SCHEDULE, "serviceAccount", schedule.template)
    assert start_due(late) == []
    schedule.refresh_from_db()
    schedule.refresh_from_db()
    assert schedule.next_at is not None
    assert late < schedule.next_at <= late + dt.timedelta(hours=1)


def test_a_schedule_that_is_off_starts_nothing_and_one_that_is_on_again_does(schedule: Schedule) -> None:
    later = timezone.now() + dt.timedelta(hours=3)
    update_schedule(schedule, {"enabled": False}, by=None)
    assert start_due(later) == []
    update_schedule(schedule, {"enabled": True}, by=None)
    assert len(start_due(later)) == 1


@pytest.mark.parametrize("column", ["locked", "deleted"])
def test_a_locked_or_deleted_workspace_gets_no_job(schedule: Schedule, column: str) -> None:
    Workspace.objects.update(**{column: True})
    assert start_due(timezone.now() + dt.timedelta(hours=3)) == []
    assert not Job.objects.exists()


def test_a_schedule_is_refused_with_its_expression_and_without_a_flow(workspace: Workspace) -> None:
    with pytest.raises(InvalidInput, match="minutes hours day-of-month"):
        create_schedule(Schedule(workspace=workspace, cron="every day", tcl=PLAN), by=None)
    with pytest.raises(InvalidInput, match="a template or its own flow"):
        create_schedule(Schedule(workspace=workspace, cron="0 0 * * * ?"), by=None)


def _flow(name: str, schedule: str = "0 0 20 ? * FRI") -> str:
    return (
        f'flow:\n  - type: scheduleTemplates\n    step: 1\n    templates: [{{name: {name}, schedule: "{schedule}"}}]\n'
    )


def test_a_flow_schedules_templates_once() -> None:
    organization = OrganizationFactory.create()
    workspace = WorkspaceFactory.create(organization=organization)
    destroy = TemplateFactory.create(organization=organization, name="Destroy")
    for _ in range(2):
        job = create_job(workspace, by=None, tcl=_flow("Destroy"))
        transitions.advance(job.pk)
        job.refresh_from_db()
        assert job.status == JobStatus.COMPLETED
    schedule = Schedule.objects.get()
    assert (schedule.template, schedule.workspace, schedule.created_by) == (destroy, workspace, "serviceAccount")
    schedule.refresh_from_db()
    assert schedule.next_at is not None


def test_a_flow_that_schedules_what_is_not_there_fails_its_job_with_the_name() -> None:
    workspace = WorkspaceFactory.create()
    job = create_job(workspace, by=None, tcl=_flow("Nosuch"))
    transitions.advance(job.pk)
    job.refresh_from_db()
    assert job.status == JobStatus.FAILED
    assert "no template Nosuch" in job.reason


def test_a_schedule_runs_by_the_clock_of_its_time_zone(workspace: Workspace) -> None:
    schedule = create_schedule(
        Schedule(workspace=workspace, cron="30 6 * * *", time_zone="America/New_York", tcl=PLAN), by=None
    )
    now = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
    assert [str(moment) for moment in next_times(schedule, now, 3)] == [
        "2026-11-25 06:30:00-05:00",
        "2026-11-26 06:30:00-05:00",
        "2026-11-27 06:30:00-05:00",
    ]
    schedule.refresh_from_db()
    assert schedule.next_at is not None
    assert (schedule.next_at.minute, schedule.next_at.second) == (30, 0)
    assert schedule.next_at.hour in {10, 11}
    with pytest.raises(InvalidInput, match='"Berlin" is not a time zone'):
        update_schedule(schedule, {"time_zone": "Berlin"}, by=None)
