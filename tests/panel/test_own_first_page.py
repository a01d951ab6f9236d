"""The first page tells a person what needs them, what is stuck and what has just started, and where they were."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from executors.attempts import lifecycle
from executors.choices import ExecutorKind
from executors.models import Attempt
from tests.factories import (
    PLAN,
    PLAN_AND_APPLY,
    OrganizationFactory,
    TeamFactory,
    UserFactory,
    WorkspaceFactory,
    member,
)
from tests.support.markup import without_breaks
from workspaces.choices import JobStatus
from workspaces.jobs import transitions
from workspaces.models import Access, Job, Organization, Step, Workspace
from workspaces.services.jobs import create_job
from workspaces.services.workspaces import delete_workspace

pytestmark = pytest.mark.django_db
APPROVAL = "flow:\n  - {type: approval, name: Approval, step: 100}\n"
LONG_AGO = dt.timedelta(minutes=30)
SignIn = Callable[..., Client]


def waiting(organization: Organization, *, by: Any = None, **columns: Any) -> Job:
    job = create_job(WorkspaceFactory.create(organization=organization), by=by, tcl=APPROVAL)
    transitions.advance(job.pk)
    Job.objects.filter(pk=job.pk).update(**columns)
    job.refresh_from_db()
    assert job.status == JobStatus.WAITING_APPROVAL
    return job


def queued(workspace: Workspace) -> Job:
    """A job whose step was handed to an executor."""
    job = create_job(workspace, by=None, tcl=PLAN_AND_APPLY)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    lifecycle.open_attempt(step_id, executor=ExecutorKind.KUBERNETES)
    return job


def running(workspace: Workspace) -> Job:
    job = queued(workspace)
    attempt = Attempt.objects.get(step__job=job)
    lifecycle.mark_launched(attempt, namespace="nowhere")
    lifecycle.claim_attempt(attempt, "s" * 43)
    return job


def shown(client: Client) -> dict[str, list[int]]:
    """The numbers of the jobs in each table of the first page."""
    context: Any = client.get(reverse("admin:index")).context
    tables = ("to_approve", "to_approve_by_others", "waiting", "starting", "running")
    return {
        **{name: [job.pk for job in context[name]] for name in tables if context[name]},
        **({"stuck": [one.job.pk for one in context["stuck"]]} if context["stuck"] else {}),
    }


def long_ago(job: Job) -> None:
    Step.objects.filter(job=job).update(queued_at=timezone.now() - LONG_AGO)


def test_a_person_sees_apart_the_approvals_that_are_theirs_to_give(sign_in: SignIn) -> None:
    organization = OrganizationFactory.create()
    mine, team = waiting(organization), waiting(organization, approval_team="SECURITY")
    assert shown(sign_in(organization, role="admin")) == {"to_approve": [mine.pk], "to_approve_by_others": [team.pk]}
    assert shown(sign_in(organization, role="read")) == {"to_approve_by_others": [mine.pk, team.pk]}
    elsewhere = sign_in(OrganizationFactory.create(), role="admin")
    WorkspaceFactory.create(organization=Organization.objects.latest("name"))
    assert shown(elsewhere) == {}


def test_an_access_that_allows_approval_counts_on_its_workspace_alone() -> None:
    organization = OrganizationFactory.create()
    mine = waiting(organization)
    waiting(organization)
    Access.objects.create(workspace=mine.workspace, name="GUESTS", approve_job=True)
    user = member(TeamFactory.create(name="GUESTS"))
    user.is_staff = True
    user.save()
    client = Client()
    client.force_login(user)
    assert shown(client) == {"to_approve": [mine.pk]}


def test_what_a_person_started_themselves_is_for_others_where_the_organization_says_so(client: Client) -> None:
    organization = OrganizationFactory.create(no_self_approval=True)
    root = UserFactory.create(is_staff=True, is_superuser=True, email="root@site.example")
    client.force_login(root)
    own, other = waiting(organization, by=root), waiting(organization)
    assert shown(client) == {"to_approve": [other.pk], "to_approve_by_others": [own.pk]}


def test_what_has_just_started_is_told_apart_from_what_does_not_start(admin: Client) -> None:
    fresh, late = (queued(WorkspaceFactory.create()) for _ in range(2))
    busy = running(WorkspaceFactory.create())
    long_ago(late)
    assert shown(admin) == {"starting": [fresh.pk], "stuck": [late.pk], "running": [busy.pk]}
    text = without_breaks(admin.get(reverse("admin:index")).content.decode())
    assert "30 min ago" in text


def test_a_stuck_job_says_what_the_cluster_said(admin: Client) -> None:
    job = queued(WorkspaceFactory.create())
    long_ago(job)
    [one] = admin.get(reverse("admin:index")).context["stuck"]
    assert one.why == "The executor of the step has not started."
    Job.objects.filter(pk=job.pk).update(
        reason="0/3 nodes are available", reason_code="unschedulable", reason_words=None
    )
    [one] = admin.get(reverse("admin:index")).context["stuck"]
    assert one.why == "0/3 nodes are available"


def test_a_silent_executor_a_job_that_nobody_takes_and_a_pod_that_stays_are_stuck(admin: Client) -> None:
    before = timezone.now() - LONG_AGO
    silent, ended = (running(WorkspaceFactory.create()) for _ in range(2))
    Attempt.objects.filter(step__job=silent).update(heartbeat_at=before)
    untaken = create_job(WorkspaceFactory.create(), by=None, tcl=PLAN)
    fresh = create_job(WorkspaceFactory.create(), by=None, tcl=PLAN)
    behind = create_job(silent.workspace, by=None, tcl=PLAN_AND_APPLY)
    transitions.advance(behind.pk)
    Job.objects.filter(pk__in=[untaken.pk, behind.pk]).update(updated_date=before - LONG_AGO)
    Job.objects.filter(pk=ended.pk).update(status=JobStatus.CANCELLED, ended_at=before + LONG_AGO / 2)
    assert shown(admin) == {"stuck": [untaken.pk, silent.pk, ended.pk], "waiting": [fresh.pk, behind.pk]}


def test_others_see_nothing_of_a_stuck_job(sign_in: SignIn) -> None:
    job = running(WorkspaceFactory.create())
    Job.objects.filter(pk=job.pk).update(status=JobStatus.CANCELLED, ended_at=timezone.now() - LONG_AGO)
    organization = WorkspaceFactory.create().organization
    assert shown(sign_in(organization, role="admin")) == {}


def test_the_workspaces_of_a_persons_last_jobs_are_a_click_away(client: Client) -> None:
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True, email="root@site.example"))
    first, second, gone, others = (WorkspaceFactory.create() for _ in range(4))
    for workspace in (first, second, gone, first, others):
        job = create_job(workspace, by=None, tcl=PLAN)
        name = "somebody" if workspace is others else "root@site.example"
        Job.objects.filter(pk=job.pk).update(created_by=name, status=JobStatus.COMPLETED, ended_at=timezone.now())
    delete_workspace(gone, by=None)
    page: Any = client.get(reverse("admin:index"))
    assert page.context["recent_workspaces"] == [first, second]
    assert reverse("admin:workspaces_workspace_overview", args=[first.pk]) in page.content.decode()


def test_the_first_page_takes_the_same_queries_for_many_jobs(sign_in: SignIn) -> None:
    organization = OrganizationFactory.create()
    client = sign_in(organization, role="admin")

    def some() -> None:
        waiting(organization)
        long_ago(queued(WorkspaceFactory.create(organization=organization)))
        running(WorkspaceFactory.create(organization=organization))

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            client.get(reverse("admin:index"))
        return len(asked)

    some()
    queries()
    few = queries()
    for _ in range(6):
        some()
    assert queries() <= few
