"""What the reports of Terrakube's executor do to a job, in order, late, twice and too early."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.conf import settings

from executors.attempts import cleanup, lifecycle
from executors.choices import AttemptOutcome, AttemptState, ExecutorKind
from executors.models import Attempt
from tests.api.client import token_of
from tests.factories import DESTROY, PLAN, PLAN_APPROVE_APPLY, TeamFactory
from tests.terrakube.calls import COMMIT, Calls, internal_token
from tests.terrakube.fake.http import token
from workspaces.choices import JobStatus
from workspaces.jobs import transitions
from workspaces.models import Job, Workspace
from workspaces.reasons import told
from workspaces.services import jobs

pytestmark = pytest.mark.django_db
type Launch = Callable[..., Attempt]
LOCATION = "http://s3.example/bucket/tfstate/o/w/1/s/terraformLibrary.tfPlan"


@pytest.fixture
def attempt(launch: Launch) -> Attempt:
    return launch()


@pytest.fixture
def calls(attempt: Attempt) -> Calls:
    return Calls(attempt.step)


def job_of(attempt: Attempt) -> Job:
    return Job.objects.get(pk=attempt.step.job_id)


def test_the_job_is_read_with_all_that_its_client_looks_at(calls: Calls, attempt: Attempt) -> None:
    found = calls.job()
    assert found["id"] == str(attempt.step.job_id)
    assert found["relationships"]["organization"]["data"]["id"] == str(attempt.step.job.organization_id)
    assert {"type": "step", "id": str(attempt.step.pk)} in found["relationships"]["step"]["data"]
    assert found["attributes"]["status"] == "queue"
    assert found["attributes"]["tcl"]
    assert {"planChanges", "output", "terraformPlan", "overrideSource", "approvalTeam"} <= found["attributes"].keys()


def test_the_first_running_is_the_claim(calls: Calls, attempt: Attempt) -> None:
    assert calls.patch_job("running", commitId=COMMIT).status_code == 204
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.CLAIMED
    assert attempt.claimed_by_report
    job = job_of(attempt)
    assert (job.status, job.commit_id) == (JobStatus.RUNNING, COMMIT)


@pytest.mark.parametrize("audience", [["TerrakubeInternal"], "TerrakubeInternal"])
def test_both_forms_of_the_internal_token_are_taken(attempt: Attempt, audience: str | list[str]) -> None:
    calls = Calls(attempt.step, bearer=internal_token(audience=audience))
    assert calls.patch_job("running").status_code == 204


def test_a_clock_may_be_a_minute_off(attempt: Attempt) -> None:
    assert Calls(attempt.step, bearer=internal_token(seconds=-50)).send("GET", "/context/v1/1").status_code != 401
    assert Calls(attempt.step, bearer=internal_token(seconds=-90)).send("GET", "/context/v1/1").status_code == 401


def test_a_forged_internal_token_reports_nothing(attempt: Attempt, calls: Calls) -> None:
    document = {"data": {"type": "job", "id": str(attempt.step.job_id), "attributes": {"status": "running"}}}
    forged = token("Zm9yZ2VkLWZvcmdlZC1mb3JnZWQtZm9yZ2VkLWZvcmdlZA", 60, audience="TerrakubeInternal")
    for bearer in (forged, ""):
        assert Calls(attempt.step, bearer=bearer).send("PATCH", calls.job_path, document).status_code == 401
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.LAUNCHED


def test_a_person_who_may_everything_can_not_report(attempt: Attempt, workspace: Workspace) -> None:
    TeamFactory.create(organization=workspace.organization, name="OWNERS", role="admin", manage_job=True)
    for group in ("OWNERS", settings.ADMIN_GROUP):
        person = Calls(attempt.step, bearer=token_of(group))
        assert person.patch_job("running").status_code == 403
        assert person.patch_step("completed").status_code in {403, 405}
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.LAUNCHED


def test_what_people_decide_is_still_theirs_at_the_same_path(launch: Launch, workspace: Workspace) -> None:
    TeamFactory.create(organization=workspace.organization, name="OWNERS", role="admin")
    attempt = launch(flow=PLAN_APPROVE_APPLY)
    calls = Calls(attempt.step)
    calls.start()
    calls.end(planChanges=True, terraformPlan=LOCATION)
    job = job_of(attempt)
    assert transitions.advance(job.pk) is None
    person = Calls(attempt.step, bearer=token_of("OWNERS"))
    document = {"data": {"type": "job", "id": str(job.pk), "attributes": {"status": "approved"}}}
    assert person.send("PATCH", person.job_path, document).status_code == 204
    assert job_of(attempt).status == JobStatus.APPROVED


# ---- how a step ends ------------------------------------------------------------------------------------------------


def test_a_plan_with_changes_lets_the_apply_follow_with_its_location(
    calls: Calls, attempt: Attempt, launch: Launch
) -> None:
    calls.start()
    calls.end(planChanges=True, terraformPlan=LOCATION)
    job = job_of(attempt)
    assert (job.status, job.plan_changes, job.terraform_plan) == (JobStatus.PENDING, True, LOCATION)
    apply = launch(job)
    assert Calls(apply.step).job()["attributes"]["terraformPlan"] == LOCATION


@pytest.mark.parametrize("status", ["completed", "pending"])
def test_a_plan_without_changes_ends_its_job(calls: Calls, attempt: Attempt, status: str) -> None:
    """Up to 2.28 it is said to be pending."""
    calls.start()
    calls.end(job=status, planChanges=False, terraformPlan=LOCATION)
    job = job_of(attempt)
    assert (job.status, job.plan_changes) == (JobStatus.COMPLETED, False)
    assert list(job.steps.values_list("status", flat=True)) == ["completed", "notExecuted"]


@pytest.mark.parametrize("status", ["completed", "pending"])
def test_a_job_that_only_plans_ends_with_its_plan(launch: Launch, status: str) -> None:
    """Since 2.33 it is said to be completed."""
    attempt = launch(flow=PLAN)
    calls = Calls(attempt.step)
    calls.start()
    calls.end(job=status, planChanges=True, terraformPlan=LOCATION)
    transitions.advance(attempt.step.job_id)
    job = job_of(attempt)
    assert (job.status, job.plan_changes) == (JobStatus.COMPLETED, True)


def test_a_failed_step_fails_its_job_with_a_reason(calls: Calls, attempt: Attempt) -> None:
    calls.start()
    calls.end(step="failed", job="failed", terraformPlan="")
    job = job_of(attempt)
    assert job.status == JobStatus.FAILED
    assert "reports a failure" in job.reason
    attempt.refresh_from_db()
    assert attempt.outcome == AttemptOutcome.FAILED


def test_an_ignored_failure_of_a_plan_keeps_its_step(launch: Launch) -> None:
    attempt = launch(flow="flow:\n  - {type: terraformPlan, name: Plan, step: 100, ignoreError: true}\n")
    calls = Calls(attempt.step)
    calls.start()
    calls.end(step="completed", job="failed", planChanges=False)
    attempt.step.refresh_from_db()
    assert (attempt.step.status, job_of(attempt).status) == (JobStatus.COMPLETED, JobStatus.FAILED)


def test_a_destroy_ends_its_job(launch: Launch) -> None:
    attempt = launch(flow=DESTROY)
    calls = Calls(attempt.step)
    calls.start()
    calls.end(planChanges=True)
    transitions.advance(attempt.step.job_id)
    assert job_of(attempt).status == JobStatus.COMPLETED


def test_a_source_that_can_not_be_fetched_is_reported_without_a_start(calls: Calls, attempt: Attempt) -> None:
    calls.end(step="failed", job="failed")
    assert job_of(attempt).status == JobStatus.FAILED


def test_a_pod_that_is_told_to_end_says_so(calls: Calls, attempt: Attempt) -> None:
    calls.start()
    calls.end(step="failed", job="failed", output="Executor pod is shutting down")
    attempt.refresh_from_db()
    assert (attempt.outcome, attempt.reason_code) == (AttemptOutcome.FAILED, "stopped")
    assert job_of(attempt).status == JobStatus.FAILED


def test_the_commit_of_an_uploaded_source_is_none(calls: Calls, attempt: Attempt) -> None:
    assert calls.patch_job("running", commitId="000000000").status_code == 204
    assert job_of(attempt).commit_id is None


def test_a_log_address_of_any_length_is_taken(calls: Calls, attempt: Attempt) -> None:
    calls.start()
    assert calls.patch_step("completed", output="x" * 128 * 1024).status_code == 204
    assert calls.patch_job("pending", output="y" * 128 * 1024, planChanges=False).status_code == 204
    assert job_of(attempt).status == JobStatus.COMPLETED


# ---- again, late and too early --------------------------------------------------------------------------------------


def test_each_call_may_be_repeated_as_its_client_does(calls: Calls, attempt: Attempt) -> None:
    for _ in range(3):
        assert calls.patch_job("running", commitId=COMMIT).status_code == 204
    for _ in range(3):
        assert calls.patch_step("running").status_code == 204
    for _ in range(3):
        assert calls.patch_step("completed").status_code == 204
    for _ in range(3):
        assert calls.patch_job("pending", planChanges=True, terraformPlan=LOCATION).status_code == 204
    job = job_of(attempt)
    assert (job.status, job.terraform_plan) == (JobStatus.PENDING, LOCATION)
    assert Attempt.objects.count() == 1


@pytest.mark.parametrize("begun", [False, True])
def test_a_repeated_result_of_one_step_is_not_that_of_the_next(
    calls: Calls, attempt: Attempt, launch: Launch, begun: bool
) -> None:
    calls.start()
    calls.end(planChanges=True, terraformPlan=LOCATION)
    apply = launch(job_of(attempt))
    if begun:
        Calls(apply.step).start()
    for status in ("pending", "completed"):
        assert calls.patch_job(status, planChanges=False).status_code == 204
    assert calls.patch_step("completed").status_code == 204
    apply.refresh_from_db()
    assert apply.state == (AttemptState.CLAIMED if begun else AttemptState.LAUNCHED)
    assert job_of(attempt).status == (JobStatus.RUNNING if begun else JobStatus.QUEUE)


def test_the_step_that_a_result_names_is_believed(calls: Calls, attempt: Attempt, launch: Launch) -> None:
    calls.start()
    calls.end(planChanges=True, terraformPlan=LOCATION)
    apply = launch(job_of(attempt))
    Calls(apply.step).start()
    assert Calls(apply.step).patch_step("completed").status_code == 204
    assert calls.patch_job("pending", output=f" Step {attempt.step.pk} completed\n").status_code == 204
    assert job_of(attempt).status == JobStatus.RUNNING
    assert calls.patch_job("pending", output=f" Step {apply.step.pk} completed\n").status_code == 204
    assert job_of(attempt).status == JobStatus.PENDING


def test_a_late_report_changes_nothing_and_is_answered(calls: Calls, attempt: Attempt) -> None:
    calls.start()
    lifecycle.fail_attempt(attempt, told("silent", "The executor fell silent"), outcome=AttemptOutcome.LOST)
    calls.end(planChanges=False)
    attempt.refresh_from_db()
    assert (job_of(attempt).status, attempt.outcome) == (JobStatus.FAILED, AttemptOutcome.LOST)


def test_running_does_not_bring_back_a_cancelled_job(calls: Calls, attempt: Attempt) -> None:
    """An error is what keeps this client from starting terraform; any other answer lets it go on."""
    jobs.cancel_job(job_of(attempt), by=None)
    lifecycle.request_cancel(attempt.step_id)
    for _ in range(3):
        assert calls.patch_job("running").status_code == 409
    assert calls.patch_step("running").status_code == 409
    calls.end(step="failed", job="failed")
    job = job_of(attempt)
    assert (job.status, job.holds_workspace) == (JobStatus.CANCELLED, False)


def test_running_between_a_cancel_and_its_task_is_refused_too(calls: Calls, attempt: Attempt) -> None:
    jobs.cancel_job(job_of(attempt), by=None)
    assert calls.patch_job("running").status_code == 409
    assert job_of(attempt).status == JobStatus.CANCELLED


def test_a_cancel_in_between_ends_with_what_the_executor_says_of_its_step(calls: Calls, attempt: Attempt) -> None:
    calls.start()
    jobs.cancel_job(job_of(attempt), by=None)
    lifecycle.request_cancel(attempt.step_id)
    assert job_of(attempt).holds_workspace
    assert calls.job()["attributes"]["status"] == "cancelled"
    assert calls.patch_step("completed").status_code == 204
    job = job_of(attempt)
    assert (job.status, job.holds_workspace) == (JobStatus.CANCELLED, False)


def test_a_cancel_between_its_last_look_and_its_last_word_stays_a_cancel(calls: Calls, attempt: Attempt) -> None:
    calls.start()
    assert calls.patch_step("completed").status_code == 204
    jobs.cancel_job(job_of(attempt), by=None)
    lifecycle.request_cancel(attempt.step_id)
    assert calls.patch_job("pending", planChanges=True).status_code == 204
    job = job_of(attempt)
    assert (job.status, job.holds_workspace) == (JobStatus.CANCELLED, False)


def test_a_cancel_between_its_two_first_words_stops_it(calls: Calls, attempt: Attempt) -> None:
    assert calls.patch_job("running").status_code == 204
    jobs.cancel_job(job_of(attempt), by=None)
    lifecycle.request_cancel(attempt.step_id)
    assert calls.patch_step("running").status_code == 409
    assert job_of(attempt).status == JobStatus.CANCELLED


def test_a_second_executor_of_a_step_may_not_begin(calls: Calls, attempt: Attempt) -> None:
    calls.start()
    refused = Calls(attempt.step).patch_job("running")
    assert refused.status_code == 409
    assert "another executor" in json.loads(refused.content)["errors"][0]["detail"]
    assert job_of(attempt).status == JobStatus.RUNNING


def test_an_executor_may_not_begin_while_an_earlier_one_may_be_there(calls: Calls, attempt: Attempt) -> None:
    following = lifecycle.replace_attempt(attempt, told("start-timeout", "It did not start"), limit=3)
    assert following is not None
    assert calls.patch_job("running").status_code == 409
    cleanup.mark_gone(attempt)
    assert calls.patch_job("running").status_code == 204
    following.refresh_from_db()
    assert following.state == AttemptState.CLAIMED


@pytest.mark.parametrize("kind", ["image", "local", "session"])
def test_an_attempt_of_our_own_executor_is_not_touched_by_reports(
    launch: Launch, use_image: Callable[[str], None], kind: str
) -> None:
    if kind == "image":
        use_image("terrakube-executor:1")
    attempt = launch()
    if kind == "local":
        Attempt.objects.filter(pk=attempt.pk).update(executor=ExecutorKind.LOCAL)
    if kind == "session":
        lifecycle.claim_attempt(attempt, "s" * 43)
    calls = Calls(attempt.step)
    before = job_of(attempt).status
    assert calls.patch_job("running").status_code == 409
    if kind != "session":
        calls.end(planChanges=False)
    attempt.refresh_from_db()
    assert job_of(attempt).status == before
    assert attempt.state == (AttemptState.CLAIMED if kind == "session" else AttemptState.LAUNCHED)


def test_a_job_that_is_not_there_is_not_found(calls: Calls, attempt: Attempt) -> None:
    document = {"data": {"type": "job", "id": "999999", "attributes": {"status": "running"}}}
    path = calls.job_path.replace(f"/job/{attempt.step.job_id}", "/job/999999")
    assert calls.send("PATCH", path, document).status_code == 404


@pytest.mark.parametrize(
    "attributes", [None, [], "running", {"status": ["running"]}, {"status": "splendid"}, {"status": 3}]
)
def test_malformed_reports_are_refused(calls: Calls, attempt: Attempt, attributes: object) -> None:
    document = {"data": {"type": "job", "id": str(attempt.step.job_id), "attributes": attributes}}
    assert 400 <= calls.send("PATCH", calls.job_path, document).status_code < 500 or attributes is None
    assert job_of(attempt).status == JobStatus.QUEUE
