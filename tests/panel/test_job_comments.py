"""What people say about a job: in the panel, over REST, in a terminal's protocol, and in the history."""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from executors.runs import live_page
from tests.api.client import Api, detail, token_of
from tests.factories import PLAN, OrganizationFactory
from workspaces.actors import name_of
from workspaces.models import HistoryEntry, Job, JobComment, NotificationDelivery, Workspace
from workspaces.models.job_comment import LONGEST_COMMENT
from workspaces.services import job_comments, jobs
from workspaces.services.job_comments import comment_on_job

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No reading of a job serves a second question."""
    monkeypatch.setattr(live_page, "SHARED_SECONDS", 0)


@pytest.fixture
def job(workspace: Workspace) -> Job:
    return jobs.create_job(workspace, by=None, tcl=PLAN)


@pytest.fixture
def reader(workspace: Workspace, sign_in: Callable[..., Client]) -> Client:
    """Somebody who may only read."""
    return sign_in(workspace.organization, name="READERS", role="read")


def say(client: Client, job: Job, text: str) -> str:
    response = client.post(reverse("admin:workspaces_job_comment", args=[job.pk]), {"text": text}, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def live(client: Client, job: Job, version: str = "") -> tuple[int, dict[str, str]]:
    response = client.get(reverse("runs:live", args=[job.pk]), {"version": version})
    return response.status_code, json.loads(response.content) if response.content else {}


def test_who_reads_a_job_comments_on_it_without_scripts(reader: Client, job: Job) -> None:
    page = say(reader, job, "  Two databases are new:\r\nis that <meant>? ")
    assert "Two databases are new:\nis that &lt;meant&gt;?" in page
    found = JobComment.objects.get()
    assert found.author == name_of(found.author_user)
    assert found.text == "Two databases are new:\nis that <meant>?"
    assert "No comments yet" not in page


def test_an_open_page_learns_of_a_comment(admin: Client, reader: Client, job: Job) -> None:
    _status, before = live(admin, job)
    assert "No comments yet" in before["comments"]
    assert live(admin, job, before["version"])[0] == HTTPStatus.NO_CONTENT
    say(reader, job, "Wait for me.")
    status, after = live(admin, job, before["version"])
    assert status == HTTPStatus.OK
    assert "Wait for me." in after["comments"]


def test_no_text_of_a_comment_becomes_the_viewers_token(admin: Client, job: Job) -> None:
    say(admin, job, "csrf-token-of-the-viewer")
    assert "csrf-token-of-the-viewer" in live(admin, job)[1]["comments"]


@pytest.mark.parametrize(
    ("text", "said"),
    [(" \n", "A comment needs text."), ("x" * (LONGEST_COMMENT + 1), f"at most {LONGEST_COMMENT}"), ("a\0b", "Null")],
)
def test_a_text_that_is_no_comment_is_refused_with_the_reason(admin: Client, job: Job, text: str, said: str) -> None:
    assert said in say(admin, job, text)
    assert not JobComment.objects.exists()
    assert not HistoryEntry.objects.filter(verb="commented").exists()


def test_a_job_has_a_limited_number_of_comments(
    admin: Client, job: Job, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(job_comments, "MOST_COMMENTS", 3)
    for number in range(3):
        say(admin, job, f"number {number}")
    assert "has 3 comments, the most that are allowed" in say(admin, job, "one more")
    assert JobComment.objects.count() == 3


def test_a_page_takes_the_same_queries_for_many_comments(
    admin: Client, job: Job, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    comment_on_job(job, "first", by=None)
    live(admin, job)
    with django_assert_max_num_queries(100) as few:
        live(admin, job)
    JobComment.objects.bulk_create(JobComment(job=job, text=f"{number}", author="a") for number in range(20))
    with django_assert_max_num_queries(len(few)):
        live(admin, job)


def test_its_author_and_administrators_delete_a_comment_and_the_history_says_so_without_its_text(
    admin: Client, reader: Client, job: Job
) -> None:
    say(reader, job, "The password is s3cr3t")
    say(admin, job, "Take that away")
    mine, other = JobComment.objects.order_by("created_date")
    assert reverse("admin:workspaces_job_comment_delete", args=[mine.pk]) in live(reader, job)[1]["comments"]
    assert reverse("admin:workspaces_job_comment_delete", args=[other.pk]) not in live(reader, job)[1]["comments"]
    refused = reader.post(reverse("admin:workspaces_job_comment_delete", args=[other.pk]), follow=True)
    assert "its author and administrators may" in refused.content.decode()
    reader.post(reverse("admin:workspaces_job_comment_delete", args=[mine.pk]))
    admin.post(reverse("admin:workspaces_job_comment_delete", args=[other.pk]))
    assert not JobComment.objects.exists()
    page = admin.get(reverse("admin:workspaces_workspace_history", args=[job.workspace_id])).content.decode()
    assert page.count("Commented") >= 2
    assert f"Comment by {mine.author}" in page
    assert "s3cr3t" not in page


def test_nobody_is_notified_and_a_comment_goes_with_its_job(admin: Client, job: Job) -> None:
    say(admin, job, "hello")
    assert not NotificationDelivery.objects.exists()
    jobs.cancel_job(job, by=None)
    jobs.delete_job(job, by=None)
    assert not JobComment.objects.exists()


def test_a_stranger_neither_reads_nor_comments(sign_in: Callable[..., Client], job: Job) -> None:
    stranger = sign_in(OrganizationFactory.create(name="elsewhere"), name="OTHERS")
    comment = comment_on_job(job, "hello", by=None)
    for address in (
        reverse("admin:workspaces_job_comment", args=[job.pk]),
        reverse("admin:workspaces_job_comment_delete", args=[comment.pk]),
    ):
        assert stranger.post(address, {"text": "x"}).status_code in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
    api = Api(token_of("OTHERS"))
    assert api.get(f"job_comment/{comment.pk}").status_code == HTTPStatus.FORBIDDEN
    api.prefix = "/api/v2/"
    assert api.get(f"comments/wsc-{comment.pk}").status_code == HTTPStatus.NOT_FOUND
    assert api.get(f"run-events/re-{comment.pk}").status_code == HTTPStatus.NOT_FOUND
    assert JobComment.objects.count() == 1


def test_comments_are_a_collection_of_a_job_in_rest(reader: Client, job: Job) -> None:
    api = Api(token_of("READERS", name="robot@example.org"))
    path = f"organization/{job.organization_id}/job/{job.pk}/jobComment"
    made = api.made(path, "job_comment", {"text": "Is that meant?"})
    assert made["attributes"] | {"createdDate": ""} == {
        "text": "Is that meant?",
        "author": "robot@example.org",
        "createdDate": "",
    }
    assert [one["id"] for one in api.read(path)["data"]] == [made["id"]]
    assert api.post(path, "job_comment", {}).status_code == HTTPStatus.CONFLICT
    too_long = api.post(path, "job_comment", {"text": "x" * (LONGEST_COMMENT + 1)})
    assert (too_long.status_code, str(LONGEST_COMMENT) in detail(too_long)) == (HTTPStatus.BAD_REQUEST, True)
    assert api.patch(f"{path}/{made['id']}", "job_comment", {"text": "y"}).status_code == HTTPStatus.FORBIDDEN
    assert api.delete(f"{path}/{made['id']}").status_code == HTTPStatus.FORBIDDEN
    say(reader, job, "from the panel")
    assert len(api.read(path)["data"]) == 2
    assert JobComment.objects.get(pk=made["id"]).text == "Is that meant?"


def test_a_terminals_protocol_comments_and_reads_comments_beside_those_of_decisions(reader: Client, job: Job) -> None:
    api = Api(token_of("READERS", name="robot@example.org"), prefix="/api/v2/")
    answered = api.post(f"runs/run-{job.pk}/comments", "comments", {"body": "1st"})
    assert answered.status_code == HTTPStatus.CREATED
    first = json.loads(answered.content)["data"]
    assert first["attributes"] == {"body": "1st"}
    say(reader, job, "2nd")
    listed = api.read(f"runs/run-{job.pk}/comments")["data"]
    assert [one["attributes"]["body"] for one in listed] == ["1st", "2nd"]
    assert api.read(f"comments/{first['id']}")["data"] == first
    run = api.read(f"runs/run-{job.pk}?include=comments")
    assert [one["id"] for one in run["data"]["relationships"]["comments"]["data"]] == [one["id"] for one in listed]
    assert run["data"]["attributes"]["permissions"]["can-comment"] is True
    events = api.read(f"runs/run-{job.pk}/run-events?include=actor,comment")
    said = [one for one in events["data"] if one["attributes"]["action"] == "commented"]
    assert len(said) == 2
    assert {"comments", "users"} == {one["type"] for one in events["included"]}
    assert api.read(f"run-events/{said[0]['id']}?include=comment")["included"] == [first]
    assert api.post(f"runs/run-{job.pk}/comments", "comments", {"body": ""}).status_code == 422
