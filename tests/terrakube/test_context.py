"""The JSON document beside a job, and the archive of an uploaded source."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.db import connection

from executors.models import Attempt, JobContext
from tests.api.client import token_of
from tests.factories import TeamFactory
from tests.spine.sources import archive
from tests.terrakube.calls import Calls, internal_token
from workspaces.models import ConfigurationVersion, Job, Workspace
from workspaces.services import jobs
from workspaces.services.sources import pin_source, upload_source

pytestmark = pytest.mark.django_db
DOCUMENT = {
    "planStructuredOutput": {"step": [{"address": "a.b", "after": None, "elapsedSeconds": 1.5}]},
    "own": "größer",
}


@pytest.fixture
def calls(launch: Callable[..., Attempt]) -> Calls:
    attempt = launch()
    # As it is for these calls: the plain audience and one minute.
    return Calls(attempt.step, bearer=internal_token(seconds=60, audience="TerrakubeInternal"))


def address(calls: Calls) -> str:
    return f"/context/v1/{calls.step.job_id}"


def test_a_job_without_context_has_an_empty_one(calls: Calls) -> None:
    response = calls.send("GET", address(calls))
    assert (response.status_code, json.loads(response.content)) == (200, {})


def test_the_context_is_replaced_as_a_whole_and_echoed(calls: Calls) -> None:
    calls.send("POST", address(calls), {"old": 1}, media_type="application/json")
    response = calls.send("POST", address(calls), DOCUMENT, media_type="application/json")
    assert response.status_code == 200
    # The executor's own writer leaves nulls out.
    expected = {"planStructuredOutput": {"step": [{"address": "a.b", "elapsedSeconds": 1.5}]}, "own": "größer"}
    assert json.loads(response.content) == expected
    assert json.loads(calls.send("GET", address(calls)).content) == expected


def test_it_lies_encrypted(calls: Calls) -> None:
    calls.send("POST", address(calls), DOCUMENT, media_type="application/json")
    with connection.cursor() as cursor:
        cursor.execute("SELECT content FROM executors_jobcontext")
        stored = bytes(cursor.fetchone()[0])
    assert b"planStructuredOutput" not in stored
    assert b"planStructuredOutput" in JobContext.objects.get().content


@pytest.mark.parametrize("number", ["999999", "0", "x", "9" * 30, "-1"])
def test_an_unknown_job_is_not_found(calls: Calls, number: str) -> None:
    assert calls.send("GET", f"/context/v1/{number}").status_code == 404
    assert calls.send("POST", f"/context/v1/{number}", {}, media_type="application/json").status_code == 404


def test_the_context_of_an_ended_job_stays_as_it_is(calls: Calls) -> None:
    calls.send("POST", address(calls), {"a": 1}, media_type="application/json")
    jobs.cancel_job(Job.objects.get(pk=calls.step.job_id), by=None)
    assert calls.send("POST", address(calls), {"b": 1}, media_type="application/json").status_code == 409
    assert json.loads(calls.send("GET", address(calls)).content) == {"a": 1}


def test_what_is_no_json_object_is_refused(calls: Calls) -> None:
    for body in (b"", b"{", b"[]", b'"x"', b"NaN", b"\xff"):
        response = calls._client.post(
            address(calls), body, content_type="application/json", headers={"Authorization": f"Bearer {calls.bearer}"}
        )
        assert response.status_code == 400, body
    assert not JobContext.objects.exists()


def test_people_may_read_the_context_of_their_jobs_alone(calls: Calls, workspace: Workspace) -> None:
    TeamFactory.create(organization=workspace.organization, name="OWNERS", role="admin")
    calls.send("POST", address(calls), {"a": 1}, media_type="application/json")
    owner, stranger = (Calls(calls.step, bearer=token_of(group)) for group in ("OWNERS", "STRANGERS"))
    assert json.loads(owner.send("GET", address(calls)).content) == {"a": 1}
    assert owner.send("POST", address(calls), {}, media_type="application/json").status_code == 403
    assert stranger.send("GET", address(calls)).status_code == 404
    assert Calls(calls.step, bearer="").send("GET", address(calls)).status_code == 401


# ---- the source -----------------------------------------------------------------------------------------------------


def test_the_source_is_given_to_executors_alone(calls: Calls, workspace: Workspace) -> None:
    workspace.branch = "remote-content"
    workspace.save()
    content = archive({"main.tf": "# nothing\n"})
    version = upload_source(workspace, content, by=None)
    job = Job.objects.get(pk=calls.step.job_id)
    assert pin_source(job)
    path = f"/remote/tfe/v2/configuration-versions/{version.pk}/terraformContent.tar.gz"
    assert job.override_source is not None
    assert job.override_source.endswith(path)
    response = calls.send("GET", path)
    assert (response.status_code, response.content) == (200, content)
    assert Calls(calls.step, bearer=token_of("OWNERS")).send("GET", path).status_code == 403


def test_a_job_keeps_the_source_that_its_first_step_got(calls: Calls, workspace: Workspace) -> None:
    workspace.branch = "remote-content"
    workspace.save()
    first = upload_source(workspace, archive({"main.tf": "# 1\n"}), by=None)
    job = Job.objects.get(pk=calls.step.job_id)
    assert pin_source(job)
    upload_source(workspace, archive({"main.tf": "# 2\n"}), by=None)
    job = Job.objects.get(pk=calls.step.job_id)
    assert not pin_source(job)
    assert str(first.pk) in (job.override_source or "")
    assert ConfigurationVersion.objects.count() == 2


def test_a_source_that_was_never_uploaded_is_not_found(calls: Calls) -> None:
    path = "/remote/tfe/v2/configuration-versions/00000000-0000-0000-0000-000000000000/terraformContent.tar.gz"
    assert calls.send("GET", path).status_code == 404
