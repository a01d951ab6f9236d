"""What repositories sent and were told is removed some time after its last change, unless it is still needed."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from tests.vcs.pulls import HEAD, NEWER, NUMBER, REPOSITORY, connection, record_of, rule_of, workspace_of
from tests.vcs.scene import Scene
from vcs import retention
from vcs.models import ConcernedWorkspace, Delivery, PullRequest, Report, ReportKind
from vcs.pull_requests.closing import closed
from vcs.pull_requests.jobs import start_plan
from workspaces.choices import JobStatus
from workspaces.models import Job, Vcs, Workspace

from .test_forks import opened

pytestmark = pytest.mark.django_db
OLD, RECENT = 91, 89


def days_ago(number: int) -> dt.datetime:
    return timezone.now() - dt.timedelta(days=number)


@pytest.fixture
def vcs() -> Vcs:
    return connection()


def request(vcs: Vcs, number: int = NUMBER, *, age: int = OLD, is_open: bool = False) -> PullRequest:
    made = PullRequest.objects.create(vcs=vcs, repository=REPOSITORY, number=number, fork=False, open=is_open)
    PullRequest.objects.filter(pk=made.pk).update(updated_date=days_ago(age))
    return made


def report(vcs: Vcs, key: str, *, age: int = OLD, **columns: Any) -> Report:
    values = {"kind": ReportKind.STATUS, "repository": REPOSITORY, "changed_at": days_ago(age), **columns}
    made: Report = Report.objects.create(vcs=vcs, key=key, **values)
    return made


def remove() -> None:
    assert retention.remove_old(at_most=100) is False


@pytest.mark.parametrize(("days", "age", "stays"), [(7, 6, True), (7, 8, False), (30, 29, True), (1, 2, False)])
def test_deliveries_are_kept_for_the_days_that_are_set(
    scene: Scene, settings: Any, days: int, age: int, stays: bool
) -> None:
    settings.KEEP_DELIVERY_DAYS = days
    Delivery.objects.create(hook=scene.hook, delivery_id="1", payload=b"{}")
    Delivery.objects.update(received_at=days_ago(age))
    remove()
    assert Delivery.objects.exists() is stays


@pytest.mark.parametrize(("age", "is_open", "stays"), [(OLD, False, False), (RECENT, False, True), (OLD, True, True)])
def test_pull_requests_are_removed_some_time_after_they_were_closed(
    vcs: Vcs, age: int, is_open: bool, stays: bool
) -> None:
    record = request(vcs, age=age, is_open=is_open)
    ConcernedWorkspace.objects.create(pull_request=record, workspace=workspace_of(vcs))
    remove()
    assert PullRequest.objects.exists() is stays
    assert ConcernedWorkspace.objects.exists() is stays


def test_the_days_count_from_the_close_and_not_from_the_last_push(vcs: Vcs) -> None:
    request(vcs, age=OLD, is_open=True)
    closed(vcs, REPOSITORY, opened(fork=False, action="closed"))
    remove()
    assert not PullRequest.objects.get().open


def test_a_pull_request_stays_while_it_locks_a_workspace_or_its_job_goes_on(vcs: Vcs) -> None:
    workspace = workspace_of(vcs)
    record = record_of(vcs)
    job = start_plan(record, workspace, rule_of(workspace), by=None)
    Workspace.objects.update(locked=True, locked_by_pull_request=NUMBER)
    PullRequest.objects.update(open=False, updated_date=days_ago(OLD))
    remove()
    Job.objects.filter(pk=job.pk).update(status=JobStatus.COMPLETED)
    remove()
    assert PullRequest.objects.exists()
    Workspace.objects.update(locked=False, locked_by_pull_request=None)
    remove()
    assert not PullRequest.objects.exists()


def test_reports_are_removed_once_nothing_is_to_be_told(vcs: Vcs) -> None:
    workspace = workspace_of(vcs)
    job = start_plan(record_of(vcs), workspace, rule_of(workspace), by=None)
    Report.objects.all().delete()
    request(vcs, 1, is_open=True)
    request(vcs, 2)
    stay = {
        report(vcs, "recent", age=RECENT, commit=NEWER),
        report(vcs, "of the recent one's commit", commit=NEWER),
        report(vcs, "due", due_at=timezone.now()),
        report(vcs, "of a job that goes on", job=job, commit=HEAD),
        report(vcs, "of an open pull request", pull_request=1, kind=ReportKind.COMMENT),
    }
    report(vcs, "told", commit="d" * 40)
    report(vcs, "given up", problem="404", commit="e" * 40)
    report(vcs, "of a closed pull request", pull_request=2, kind=ReportKind.COMMENT)
    report(vcs, "of an unknown pull request", pull_request=3, kind=ReportKind.REPLY)
    remove()
    assert set(Report.objects.all()) == stay
    Job.objects.update(status=JobStatus.COMPLETED)
    remove()
    assert not Report.objects.filter(job=job).exists()


def test_what_is_old_goes_in_slices(vcs: Vcs) -> None:
    for number in range(5):
        request(vcs, number)
    assert retention.remove_old(at_most=3) is True
    assert PullRequest.objects.count() == 2
    assert retention.remove_old(at_most=3) is False
    assert not PullRequest.objects.exists()
