"""What is told to a provider and when: once for each change, again after a refusal, and never in a wrong order."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from tests.vcs.fake_api import Asked, FakeApi, Told
from tests.vcs.pulls import HEAD, NUMBER, connection, planned, record_of, rule_of, workspace_of
from vcs.connections import tokens
from vcs.models import Report, ReportKind
from vcs.pull_requests.jobs import start_plan
from vcs.reports import outbox, sending
from vcs.reports.states import NOTHING_MATCHES
from workspaces.choices import JobStatus, VcsType
from workspaces.jobs import transitions
from workspaces.models import Job, SavedPlan, Vcs
from workspaces.reasons import reason

pytestmark = pytest.mark.django_db
K = ReportKind
STATUSES = f"POST /api/repos/acme/net/statuses/{HEAD}"
COMMENTS = f"/api/repos/acme/net/issues/{NUMBER}/comments"


class Telling:
    """A repository at the fake provider, with one workspace and the job of a pull request."""

    def __init__(self, api: FakeApi, *, kind: str = VcsType.GITHUB) -> None:
        self.api = api
        self.vcs = connection(kind=kind, endpoint=api.url, api_url=f"{api.url}/api")
        self.workspace = workspace_of(self.vcs)
        self.rule = rule_of(self.workspace)
        api.answers = {
            STATUSES: Told(201, {"id": 1}),
            f"GET {COMMENTS}": Told(200, []),
            f"POST {COMMENTS}": Told(201, {"id": 5}),
            "PATCH /api/repos/acme/net/issues/comments/5": Told(200, {}),
        }

    def job(self, **changes: Any) -> Job:
        return start_plan(record_of(self.vcs, **changes), self.workspace, self.rule, by=None)

    def send(self) -> list[Asked]:
        """Send all that is due; return what the provider was asked."""
        before = len(self.api.asked)
        Report.objects.filter(kind=K.COMBINED).update(sent_at=None)
        for key in Report.objects.filter(due_at__lte=timezone.now()).order_by("pk").values_list("pk", flat=True):
            sending.send_report(key)
        return self.api.asked[before:]

    def states(self, asked: list[Asked], *, combined: bool = False) -> list[tuple[str, str]]:
        name = "Terrakube" if combined else "Terrakube - acme - net"
        bodies = [one.body for one in asked if one.line == STATUSES]
        return [(body["state"], body["description"]) for body in bodies if body["context"] == name]


@pytest.fixture
def place(api: FakeApi) -> Telling:
    return Telling(api)


def _step(job: Job) -> Any:
    step = transitions.advance(job.pk)
    assert step is not None
    return step


def test_a_pull_request_is_told_from_the_first_wait_to_the_end(place: Telling) -> None:
    job = place.job()
    asked = place.send()
    assert place.states(asked) == [("pending", "Waits to start")]
    assert place.states(asked, combined=True) == [("pending", "1 workspace: 1 waiting")]
    [created] = [one for one in asked if one.line == f"POST {COMMENTS}"]
    assert created.body["body"].startswith(f"<!-- terrakube-site:workspace:{place.workspace.pk} -->\n")
    step = _step(job)
    assert place.states(place.send()) == [("pending", "Running")]
    transitions.start_step(step)
    SavedPlan.objects.create(step_id=step, json=json.dumps(PLAN).encode())
    assert transitions.finish_step(step, transitions.Outcome(succeeded=True, changes=True))
    transitions.advance(job.pk)
    asked = place.send()
    assert place.states(asked) == [("success", "Plan: 1 to add, 0 to change, 0 to destroy")]
    assert place.states(asked, combined=True) == [("success", "1 workspace: 1 succeeded")]
    [edited] = [one for one in asked if one.line == "PATCH /api/repos/acme/net/issues/comments/5"]
    assert "| Create | `net.a` |" in edited.body["body"]
    assert place.send() == [], "nothing is left to tell"
    job.refresh_from_db()
    assert job.pr_comment_error is None


PLAN = {"resource_changes": [{"address": "net.a", "change": {"actions": ["create"], "before": None, "after": {}}}]}


def test_a_failure_is_told_with_its_reason(place: Telling) -> None:
    job = place.job()
    step = _step(job)
    transitions.start_step(step)
    why = reason("quota", words="cpu")
    assert transitions.finish_step(step, transitions.Outcome(succeeded=False, why=why))
    [(state, words)] = place.states(place.send())
    assert state == "failure"
    assert words == "Plan: The quota of the namespace is used up: cpu"


def test_what_has_not_changed_is_not_told_again(place: Telling) -> None:
    job = place.job()
    place.send()
    outbox.note_change(job)
    assert place.send() == []
    step = _step(job)
    place.send()
    transitions.start_step(step)
    assert place.states(place.send()) == [], "it ran before, to a reader"


def test_a_report_stands_in_the_transaction_of_the_change(place: Telling) -> None:
    job = place.job()
    place.send()
    with transaction.atomic():
        _step(job)
        assert Report.objects.filter(due_at__isnull=False).exists()
        transaction.set_rollback(True)
    assert not Report.objects.filter(due_at__isnull=False).exists()


def test_jobs_of_other_origin_ask_the_database_nothing(place: Telling, django_assert_num_queries: Any) -> None:
    job = place.job()
    job.via = "UI"
    with django_assert_num_queries(0):
        outbox.note_change(job)


def test_a_lost_comment_is_found_by_its_marker_and_a_deleted_one_is_made_again(place: Telling) -> None:
    place.job()
    marked = f"<!-- terrakube-site:workspace:{place.workspace.pk} -->\nold"
    place.api.answers[f"GET {COMMENTS}"] = Told(200, [{"id": 4, "body": "hi"}, {"id": 5, "body": marked}])
    asked = place.send()
    assert f"POST {COMMENTS}" not in [one.line for one in asked]
    assert Report.objects.get(kind=K.COMMENT).remote_id == "5"
    place.api.answers["PATCH /api/repos/acme/net/issues/comments/5"] = Told(404, {"message": "Not Found"})
    place.api.answers[f"POST {COMMENTS}"] = Told(201, {"id": 6})
    outbox.send_again(Report.objects.get(kind=K.COMMENT))
    place.send()
    assert Report.objects.get(kind=K.COMMENT).remote_id == "6"


LONG = dt.timedelta(minutes=1)
REFUSALS: dict[str, tuple[Told, Callable[[dt.timedelta], bool]]] = {
    "server-error": (Told(503, {"message": "oops"}), lambda wait: dt.timedelta(seconds=10) < wait < LONG),
    "retry-after": (
        Told(403, {"message": "secondary rate limit"}, {"Retry-After": "900"}),
        lambda wait: dt.timedelta(seconds=890) < wait <= dt.timedelta(seconds=900),
    ),
    "too-many": (Told(429, {"message": "slow down"}), lambda wait: dt.timedelta(seconds=10) < wait < LONG),
    "no-rights": (Told(403, {"message": "no access"}), lambda wait: dt.timedelta(seconds=10) < wait < LONG),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_is_tried_again_later_and_shown_meanwhile(place: Telling, case: str) -> None:
    job = place.job()
    told, is_right = REFUSALS[case]
    place.api.answers[f"GET {COMMENTS}"] = told
    place.send()
    report = Report.objects.get(kind=K.COMMENT)
    assert report.due_at is not None
    assert is_right(report.due_at - timezone.now())
    assert told.data["message"] in report.problem
    job.refresh_from_db()
    assert job.pr_comment_error == report.problem
    assert place.send() == [], "not before its time"
    place.api.answers[f"GET {COMMENTS}"] = Told(200, [])
    Report.objects.update(due_at=timezone.now())
    Vcs.objects.update(limited_until=None)
    place.send()
    report.refresh_from_db()
    job.refresh_from_db()
    assert [report.due_at, report.problem, report.tries, job.pr_comment_error] == [None, "", 0, None]


def test_a_limit_of_the_connection_holds_up_its_other_reports(place: Telling) -> None:
    place.job()
    place.api.answers[STATUSES] = Told(403, {"message": "limit"}, {"Retry-After": "900"})
    place.send()
    soonest = Report.objects.exclude(due_at=None).earliest("due_at").due_at
    assert soonest is not None
    assert soonest - timezone.now() > dt.timedelta(seconds=890)
    assert [one.line for one in place.api.asked].count(STATUSES) == 1


def test_what_is_new_waits_for_the_end_of_a_limit_as_well(place: Telling) -> None:
    place.job()
    place.api.answers[STATUSES] = Told(403, {"message": "limit"}, {"Retry-After": "900"})
    place.send()
    before = len(place.api.asked)
    # Another process has read the connection before; it finds out when it sends.
    outbox.reply(place.vcs, place.workspace.source, NUMBER, "Old news", key="stale")
    place.vcs.refresh_from_db()
    end = place.vcs.limited_until
    assert end is not None
    assert dt.timedelta(seconds=890) < end - timezone.now() <= dt.timedelta(seconds=900)
    outbox.reply(place.vcs, place.workspace.source, NUMBER, "News", key="fresh")
    outbox.note_no_match(place.vcs, place.workspace.source, "d" * 40, None)
    assert place.send() == []
    assert set(Report.objects.values_list("due_at", flat=True)) == {end}
    outbox.send_again(Report.objects.get(kind=K.STATUS))
    assert place.send() == []
    Vcs.objects.update(limited_until=timezone.now())
    Report.objects.update(due_at=timezone.now())
    place.api.answers[STATUSES] = Told(201, {})
    place.send()
    assert len(place.api.asked) > before
    assert not Report.objects.filter(kind=K.REPLY).exclude(due_at=None).exists()


def test_a_change_does_not_shorten_the_wait_that_a_provider_asked_for(place: Telling) -> None:
    job = place.job()
    place.api.answers[STATUSES] = Told(403, {"message": "limit"}, {"Retry-After": "900"})
    place.send()
    _step(job)
    assert place.send() == []
    Vcs.objects.update(limited_until=None)
    Report.objects.update(due_at=timezone.now())
    place.api.answers[STATUSES] = Told(201, {})
    assert place.states(place.send()) == [("pending", "Running")]


def test_a_limit_that_is_met_while_a_report_is_prepared_holds_it_up(
    place: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.job()
    later = timezone.now() + dt.timedelta(seconds=900)
    real = tokens.api_for

    def slow(*args: Any) -> Any:
        Report.objects.update(due_at=later)
        return real(*args)

    monkeypatch.setattr(sending, "api_for", slow)
    sending.send_report(Report.objects.get(kind=K.STATUS).pk)
    report = Report.objects.get(kind=K.STATUS)
    assert place.api.asked == []
    assert [report.due_at, report.leased_until] == [later, None]


def test_a_report_is_given_up_after_some_hours_and_can_be_sent_again(place: Telling) -> None:
    place.job()
    place.api.answers[STATUSES] = Told(503, {"message": "oops"})
    Report.objects.filter(kind=K.STATUS).update(failing_since=timezone.now() - dt.timedelta(hours=7), tries=9)
    place.send()
    report = Report.objects.get(kind=K.STATUS)
    assert report.is_given_up
    place.api.answers[STATUSES] = Told(201, {})
    outbox.send_again(report)
    place.send()
    report.refresh_from_db()
    assert not report.is_given_up


@pytest.mark.parametrize("status", [404, 422], ids=["gone", "unknown-commit"])
def test_a_commit_that_the_provider_does_not_know_is_given_up_at_once(place: Telling, status: int) -> None:
    place.job()
    place.api.answers[STATUSES] = Told(status, {"message": "No commit found"})
    place.send()
    assert Report.objects.get(kind=K.STATUS).is_given_up


def test_a_renamed_repository_is_told_at_once(place: Telling) -> None:
    job = place.job()
    moved = Told(307, {"message": "Moved Permanently"}, {"Location": "https://api.github.com/repositories/1"})
    place.api.answers |= {STATUSES: moved, f"GET {COMMENTS}": moved}
    place.send()
    assert all(report.is_given_up for report in Report.objects.all())
    job.refresh_from_db()
    assert job.pr_comment_error == "acme/net was renamed or moved. Enter its new address in the workspace."


def test_a_change_while_one_is_sent_is_told_by_the_next(place: Telling, monkeypatch: pytest.MonkeyPatch) -> None:
    job = place.job()
    place.send()
    step = _step(job)
    real = tokens.api_for

    def slow(*args: Any) -> Any:
        now = timezone.now()
        Report.objects.filter(kind=K.STATUS).update(changed_at=now, due_at=now)
        return real(*args)

    monkeypatch.setattr(sending, "api_for", slow)
    sending.send_report(Report.objects.get(kind=K.STATUS).pk)
    assert Report.objects.get(kind=K.STATUS).due_at is not None
    monkeypatch.setattr(sending, "api_for", real)
    assert transitions.start_step(step)
    place.send()
    assert Report.objects.get(kind=K.STATUS).due_at is None


def test_one_process_sends_a_report_at_a_time(place: Telling) -> None:
    place.job()
    Report.objects.update(leased_until=timezone.now() + dt.timedelta(seconds=60))
    assert place.send() == []
    Report.objects.update(leased_until=timezone.now() - dt.timedelta(seconds=1))
    assert place.send() != []


def test_the_status_of_a_commit_is_told_in_steps(place: Telling) -> None:
    place.job()
    place.send()
    Report.objects.filter(kind=K.COMBINED).update(sent="other", due_at=timezone.now(), sent_at=timezone.now())
    sending.send_report(Report.objects.get(kind=K.COMBINED).pk)
    due = Report.objects.get(kind=K.COMBINED).due_at
    assert due is not None
    assert timezone.now() < due < timezone.now() + dt.timedelta(seconds=6)


def test_a_pull_request_that_changes_no_workspace_is_told_success(place: Telling) -> None:
    outbox.note_no_match(place.vcs, place.workspace.source, HEAD, NUMBER)
    asked = place.send()
    assert place.states(asked, combined=True) == [("success", NOTHING_MATCHES)]


def test_due_reports_are_queued_by_the_beat(place: Telling, django_capture_on_commit_callbacks: Any) -> None:
    place.job()
    with django_capture_on_commit_callbacks() as queued:
        sending.send_due()
    assert len(queued) == 3
    Report.objects.update(due_at=timezone.now() + dt.timedelta(seconds=60))
    with django_capture_on_commit_callbacks() as queued:
        sending.send_due()
    assert queued == []


def test_neither_token_nor_secret_stands_in_a_problem(place: Telling) -> None:
    place.job()
    place.api.answers[STATUSES] = Told(403, {"message": f"bad credentials: {place.vcs.access_token}"})
    place.send()
    assert "t0ken" not in Report.objects.get(kind=K.STATUS).problem


def test_an_approved_plan_is_told_as_an_apply(place: Telling) -> None:
    place.rule.pr_apply_enabled = True
    place.rule.save()
    job = planned(place.job())
    place.send()
    body = place.api.asked[-1].body
    [comment] = [one for one in place.api.asked if one.line == f"POST {COMMENTS}"]
    assert "To apply this plan: `terrakube apply net`" in comment.body["body"], body
    assert job.status == JobStatus.WAITING_APPROVAL
