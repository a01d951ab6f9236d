"""What Terrakube's executor sends only now and then: its tokens' forms at every address, and reports out of order."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import jwt
import pytest
from django.conf import settings

from executors.attempts import lifecycle
from executors.choices import AttemptOutcome, AttemptState
from executors.contract.job_data import DATA_VARIABLE, MAX_ENVIRONMENT_STRING_BYTES
from executors.logs import store
from executors.models import Attempt, JobContext
from executors.terrakube.source_proof import note_upload_given
from tests.api.client import token_of
from tests.terrakube.calls import COMMIT, Calls, internal_token
from tests.terrakube.fake.http import token
from tests.terrakube.fake.s3 import Bucket
from workspaces.choices import FINAL_JOB, JobStatus
from workspaces.jobs import transitions
from workspaces.models import Job, StateVersion
from workspaces.reasons import told
from workspaces.services.sources import create_configuration_version, source_address, store_source

pytestmark = pytest.mark.django_db
LOCATION = "http://s3.example/bucket/tfstate/o/w/1/s/terraformLibrary.tfPlan"


@pytest.fixture
def attempt(launch: Callable[..., Attempt]) -> Attempt:
    return launch()


def job_of(attempt: Attempt) -> Job:
    return Job.objects.get(pk=attempt.step.job_id)


def log_row(attempt: Attempt, **changes: Any) -> dict[str, Any]:
    return {"jobId": attempt.step.job_id, "stepId": str(attempt.step_id), "lineNumber": 1, "output": "x"} | changes


def every_call(attempt: Attempt, bearer: str) -> list[int]:
    """The statuses of one call to each address that an executor uses, in the order in which it does."""
    calls, job = Calls(attempt.step, bearer=bearer), attempt.step.job
    organization = f"/api/v1/organization/{job.organization_id}"
    address = (
        f"http://s/tfstate/v1/organization/{job.organization_id}/workspace/{job.workspace_id}/state/{uuid4()}.json"
    )
    history = {"data": {"type": "history", "attributes": {"output": address, "jobReference": str(job.pk), "serial": 1}}}
    running = {"data": {"type": "job", "id": str(job.pk), "attributes": {"status": "running", "commitId": COMMIT}}}
    ended = {"data": {"type": "step", "id": str(attempt.step.pk), "attributes": {"status": "failed"}}}
    answers = [
        calls.send("GET", f"{calls.job_path}?include=step"),
        calls.send("PATCH", calls.job_path, running),
        calls.send("POST", f"/logs/{job.pk}/setup-consumer-groups"),
        calls.send("POST", "/logs", {"data": [log_row(attempt)]}),
        calls.send("GET", f"/context/v1/{job.pk}"),
        calls.send("POST", f"/context/v1/{job.pk}", {"a": 1}, media_type="application/json"),
        calls.send("POST", f"{organization}/workspace/{job.workspace_id}/history", history),
        calls.send("PATCH", f"{calls.job_path}/step/{attempt.step.pk}", ended),
    ]
    return [answer.status_code for answer in answers]


# ---- who calls ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("audience", [["TerrakubeInternal"], "TerrakubeInternal"], ids=["list", "plain"])
@pytest.mark.parametrize("seconds", [30 * 24 * 3600, 300, 60])
def test_each_form_of_the_internal_token_is_taken_at_every_address(
    attempt: Attempt, audience: str | list[str], seconds: int
) -> None:
    bearer = internal_token(audience=audience, seconds=seconds)
    assert every_call(attempt, bearer) == [200, 204, 200, 200, 200, 200, 201, 204]


def unsigned() -> str:
    claims = jwt.decode(internal_token(), options={"verify_signature": False})
    return jwt.encode(claims, "", algorithm="none")


def of_the_other_key() -> str:
    return token(settings.PAT_SECRET, 60, audience="TerrakubeInternal")


def of_the_key_as_text() -> str:
    encoded = base64.urlsafe_b64encode(settings.INTERNAL_SECRET.encode()).decode()
    return token(encoded, 60, audience="TerrakubeInternal")


@pytest.mark.parametrize("forge", [unsigned, of_the_other_key, of_the_key_as_text])
def test_a_token_that_is_not_signed_with_the_decoded_key_opens_no_address(
    attempt: Attempt, forge: Callable[[], str]
) -> None:
    assert set(every_call(attempt, forge())) == {401}
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.LAUNCHED
    assert (JobContext.objects.count(), StateVersion.objects.count(), attempt.log_size) == (0, 0, 0)


# ---- 409, and what comes after it -----------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["lost", "completed", "failed"])
def test_a_pod_that_begins_after_the_end_is_refused_each_time_and_changes_nothing(
    attempt: Attempt, ending: str
) -> None:
    """It sends each call three times, and reports a failure when none was taken."""
    calls = Calls(attempt.step, version=(2, 33))
    calls.start()
    if ending == "lost":
        lifecycle.fail_attempt(attempt, told("silent", "The executor fell silent"), outcome=AttemptOutcome.LOST)
    elif ending == "failed":
        calls.end(step="failed", job="failed", terraformPlan="")
    else:
        calls.end(job="completed", planChanges=False)
    attempt.refresh_from_db()
    before = (job_of(attempt).status, attempt.outcome, job_of(attempt).ended_at)
    again = Calls(attempt.step, version=(2, 33))
    for _ in range(3):
        refused = again.patch_job("running", commitId="f" * 40)
        assert refused.status_code == 409
        # With Retry-After the inner client would try five times more, each of the three.
        assert "Retry-After" not in refused.headers
    for _ in range(3):
        assert again.patch_step("running").status_code == 409
    again.end(step="failed", job="failed")
    attempt.refresh_from_db()
    assert (job_of(attempt).status, attempt.outcome, job_of(attempt).ended_at) == before
    assert job_of(attempt).commit_id == COMMIT


@pytest.mark.parametrize(
    ("step", "job", "location", "status"),
    [("completed", "pending", LOCATION, JobStatus.PENDING), ("failed", "failed", "", JobStatus.FAILED)],
)
def test_an_executor_that_acknowledges_nothing_is_heard_at_its_end(
    attempt: Attempt, step: str, job: str, location: str, status: JobStatus
) -> None:
    """``ExecutorFlagDisableAcknowledge`` leaves the two calls of the start out."""
    Calls(attempt.step).end(step=step, job=job, planChanges=True, terraformPlan=location)
    attempt.refresh_from_db()
    assert (job_of(attempt).status, attempt.state) == (status, AttemptState.ENDED)
    assert (job_of(attempt).terraform_plan or "") == location


def test_a_failed_plan_gives_no_location_though_it_sends_an_empty_one(attempt: Attempt) -> None:
    calls = Calls(attempt.step)
    calls.start()
    calls.end(step="failed", job="failed", terraformPlan="", planChanges=True)
    assert not job_of(attempt).terraform_plan
    assert job_of(attempt).status == JobStatus.FAILED


# ---- the context and the lines of a job -----------------------------------------------------------------------------


@pytest.mark.parametrize("status", sorted(FINAL_JOB))
def test_the_context_of_a_job_that_ended_in_any_way_is_refused_and_readable(attempt: Attempt, status: str) -> None:
    calls, address = Calls(attempt.step), f"/context/v1/{attempt.step.job_id}"
    calls.send("POST", address, {"a": 1}, media_type="application/json")
    Job.objects.filter(pk=attempt.step.job_id).update(status=status)
    for _ in range(3):
        assert calls.send("POST", address, {"b": 1}, media_type="application/json").status_code == 409
    assert json.loads(calls.send("GET", address).content) == {"a": 1}


def test_a_context_far_over_128_kib_is_kept(attempt: Attempt) -> None:
    calls, address = Calls(attempt.step), f"/context/v1/{attempt.step.job_id}"
    document = {"planStructuredOutput": {str(attempt.step_id): [{"address": "a.b", "after": "x" * 4 * 2**20}]}}
    assert calls.send("POST", address, document, media_type="application/json").status_code == 200
    assert json.loads(calls.send("GET", address).content) == document


def test_an_empty_batch_and_an_empty_line_are_taken(attempt: Attempt) -> None:
    calls = Calls(attempt.step)
    calls.start()
    assert calls.send("POST", "/logs", {"data": []}).status_code == 200
    # An output of null is left out, as each null is.
    rows = [log_row(attempt, output=None), log_row(attempt, lineNumber=2, output=""), log_row(attempt, lineNumber=3)]
    assert calls.send("POST", "/logs", {"data": rows}).status_code == 200
    assert store.read_log(attempt).data == b"\n\nx\n"


def test_lines_that_come_before_the_first_word_are_kept(attempt: Attempt) -> None:
    calls = Calls(attempt.step)
    assert calls.send("POST", "/logs", {"data": [log_row(attempt)]}).status_code == 200
    calls.start()
    assert calls.send("POST", "/logs", {"data": [log_row(attempt), log_row(attempt, lineNumber=2)]}).status_code == 200
    assert store.read_log(attempt).data == b"x\nx\n"


def test_job_data_may_be_as_long_as_the_kernel_allows_and_no_longer() -> None:
    room = MAX_ENVIRONMENT_STRING_BYTES - len(f"{DATA_VARIABLE}=")
    subprocess.run(["true"], env={"PATH": "/usr/bin:/bin", DATA_VARIABLE: "x" * room}, check=True)
    with pytest.raises(OSError, match="Argument list too long"):
        subprocess.run(["true"], env={"PATH": "/usr/bin:/bin", DATA_VARIABLE: "x" * (room + 1)}, check=True)


# ---- the executor in Go: its step before its job, and the commit by itself -------------------------------------------


def report(calls: Calls, **attributes: str) -> int:
    """A report of its job as it sends them: without an echo of what it read."""
    document = {"data": {"type": "job", "id": str(calls.step.job_id), "attributes": attributes}}
    return calls.send("PATCH", calls.job_path, document).status_code


@pytest.mark.parametrize("image", ["azbuilder/executor:2.30.2", "azbuilder/executor:latest"])
def test_the_executor_in_go_pins_the_commit_for_the_apply(
    launch: Callable[..., Attempt], use_image: Callable[[str], None], image: str
) -> None:
    use_image(image)
    attempt = launch()
    calls = Calls(attempt.step)
    assert calls.patch_step("running").status_code == 204
    assert [report(calls, status="running", output="") for _ in range(2)] == [204, 204]
    assert [report(calls, commitId=COMMIT), report(calls, commitId="f" * 40)] == [204, 204]
    assert job_of(attempt).commit_id == COMMIT
    assert calls.patch_step("pending").status_code == 204
    assert report(calls, status="pending", output="") == 204
    job = job_of(attempt)
    assert (job.status, job.commit_id) == (JobStatus.PENDING, COMMIT)
    apply = Calls(launch(job).step)
    assert apply.patch_step("running").status_code == 204
    assert report(apply, status="running", output="") == 204
    assert report(apply, commitId="e" * 40) == 204
    assert job_of(attempt).commit_id == COMMIT


def test_the_executor_in_go_names_only_the_address_of_its_state(
    launch: Callable[..., Attempt], use_image: Callable[[str], None], bucket: Bucket
) -> None:
    """It leaves the raw state to terraform's backend, and ends the job with its last step."""
    use_image("azbuilder/executor:latest")
    plan = launch()
    calls = Calls(plan.step)
    assert calls.patch_step("running").status_code == 204
    assert [report(calls, status="running", output=""), report(calls, commitId=COMMIT)] == [204, 204]
    assert calls.patch_step("completed").status_code == 204
    assert report(calls, status="pending", output="") == 204
    job = job_of(plan)
    assert job.status == JobStatus.PENDING
    apply = launch(job)
    calls = Calls(apply.step)
    assert calls.patch_step("running").status_code == 204
    assert [report(calls, status="running", output=""), report(calls, commitId=COMMIT)] == [204, 204]
    folder = f"organization/{job.organization_id}/workspace/{job.workspace_id}"
    raw = {"version": 4, "serial": 3, "lineage": "l", "outputs": {}, "resources": []}
    bucket.put(f"tfstate/{job.organization_id}/{job.workspace_id}/terraform.tfstate", json.dumps(raw).encode())
    key = uuid4()
    bucket.put(f"tfstate/{job.organization_id}/{job.workspace_id}/state/{key}.json", b'{"values": {"outputs": {}}}')
    announced = {"output": f"http://site/tfstate/v1/{folder}/state/{key}.json"}
    document = {"data": {"type": "history", "attributes": announced}}
    assert calls.send("POST", f"/api/v1/{folder}/history", document).status_code == 201
    version = StateVersion.objects.get()
    assert (version.pk, version.job_id, version.serial, version.lineage) == (key, job.pk, 3, "l")
    assert json.loads(bytes(version.content or b"")) == raw
    assert calls.patch_step("completed").status_code == 204
    assert report(calls, status="completed", output="") == 204
    apply.refresh_from_db()
    assert (apply.state, apply.outcome) == (AttemptState.ENDED, AttemptOutcome.SUCCEEDED)
    transitions.advance(job.pk)
    assert job_of(plan).status == JobStatus.COMPLETED


def test_a_commit_is_taken_from_who_runs_a_step_alone(attempt: Attempt) -> None:
    calls = Calls(attempt.step)
    assert report(calls, commitId="f" * 40) == 204
    assert job_of(attempt).commit_id is None
    person = Calls(attempt.step, bearer=token_of(settings.ADMIN_GROUP))
    assert report(person, commitId="f" * 40) == 403
    calls.start()
    calls.end(step="failed", job="failed")
    assert report(calls, commitId="f" * 40) == 204
    assert job_of(attempt).commit_id == COMMIT


def test_its_result_without_a_commit_is_not_believed(
    launch: Callable[..., Attempt], use_image: Callable[[str], None]
) -> None:
    use_image("azbuilder/executor:latest")
    attempt = launch()
    calls = Calls(attempt.step)
    assert calls.patch_step("running").status_code == 204
    assert report(calls, status="running") == 204
    assert calls.patch_step("completed").status_code == 204
    assert report(calls, status="completed") == 204
    attempt.refresh_from_db()
    assert (job_of(attempt).status, attempt.outcome) == (JobStatus.FAILED, AttemptOutcome.FAILED)


@pytest.mark.parametrize("further", ["commit", "end"])
def test_a_second_executor_in_go_is_refused_once_the_first_has_gone_on(
    launch: Callable[..., Attempt], use_image: Callable[[str], None], further: str
) -> None:
    use_image("azbuilder/executor:latest")
    calls = Calls(launch().step)
    assert calls.patch_step("running").status_code == 204
    assert report(calls, status="running") == 204
    assert (report(calls, commitId=COMMIT) if further == "commit" else calls.patch_step("pending").status_code) == 204
    assert [calls.patch_step("running").status_code, report(calls, status="running")] == [409, 409]


def test_an_uploaded_source_that_is_served_after_the_claim_is_proof_of_it(
    launch: Callable[..., Attempt], use_image: Callable[[str], None]
) -> None:
    use_image("azbuilder/executor:latest")
    attempt = launch()
    workspace = attempt.step.job.workspace
    version = store_source(create_configuration_version(workspace, by=None), b"\x1f\x8b" + bytes(16))
    Job.objects.filter(pk=attempt.step.job_id).update(
        override_branch="remote-content", override_source=source_address(version)
    )
    calls = Calls(attempt.step)
    assert calls.patch_step("running").status_code == 204
    assert report(calls, status="running") == 204
    note_upload_given(version.pk)
    assert calls.patch_step("completed").status_code == 204
    assert report(calls, status="completed") == 204
    assert job_of(attempt).reason_code != "source-unproved"
    assert job_of(attempt).status != JobStatus.FAILED
