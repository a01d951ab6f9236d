"""Jobs that are cancelled together from their list, after a page that names them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import PLAN, OrganizationFactory, WorkspaceFactory
from workspaces.choices import JobStatus
from workspaces.jobs import transitions
from workspaces.models import Job, Step
from workspaces.services.jobs import cancel_job, create_job

pytestmark = pytest.mark.django_db
LIST = reverse("admin:workspaces_job_changelist")


def do(client: Client, jobs: list[Job], **data: str) -> Any:
    chosen = [str(job.pk) for job in jobs]
    return client.post(LIST, {"action": "cancel", "_selected_action": chosen, **data}, follow=True)


def statuses(jobs: list[Job]) -> list[str]:
    return [Job.objects.get(pk=job.pk).status for job in jobs]


def test_what_will_be_cancelled_is_shown_first(admin: Client) -> None:
    workspace = WorkspaceFactory.create(name="net")
    jobs = [create_job(workspace, by=None, tcl=PLAN) for _ in range(3)]
    cancel_job(jobs[0], by=None)
    page = do(admin, jobs).content.decode()
    assert "Cancel 2 jobs" in page
    assert "One of the selected jobs has ended." in page
    assert statuses(jobs[1:]) == [JobStatus.PENDING, JobStatus.PENDING]
    with CaptureQueriesContext(connection) as few:
        do(admin, jobs)
    create_job(workspace, by=None, tcl=PLAN)
    every = list(Job.objects.all())
    with CaptureQueriesContext(connection) as more:
        do(admin, every)
    assert len(more) <= len(few)


def test_all_jobs_of_an_organization_are_stopped_and_none_starts_for_it(admin: Client) -> None:
    """The end of the oldest would start the next one of its workspace, so the newest goes first."""
    organization = OrganizationFactory.create()
    workspace = WorkspaceFactory.create(organization=organization)
    jobs = [create_job(workspace, by=None, tcl=PLAN) for _ in range(3)]
    step = transitions.advance(jobs[0].pk)
    assert step is not None
    other = create_job(WorkspaceFactory.create(), by=None, tcl=PLAN)
    page = admin.post(
        f"{LIST}?organization__id__exact={organization.pk}&phase=open",
        {"action": "cancel", "_selected_action": [str(jobs[0].pk)], "select_across": "1", "_apply": "1"},
        follow=True,
    )
    assert "3 jobs were cancelled." in " ".join(map(str, page.context["messages"]))
    assert statuses(jobs) == [JobStatus.CANCELLED] * 3
    assert not Step.objects.filter(job__in=jobs[1:]).exclude(status="cancelled").exclude(status="pending").exists()
    assert statuses([other]) == [JobStatus.PENDING]


def test_with_nothing_left_to_cancel_the_page_says_so(admin: Client) -> None:
    job = create_job(WorkspaceFactory.create(), by=None, tcl=PLAN)
    cancel_job(job, by=None)
    page = do(admin, [job]).content.decode()
    assert "All of them have ended." in page
    assert "disabled" in page
