"""Steps that a fake of Terrakube's executor runs from beginning to end, in each version's order of calls."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from executors.choices import AttemptOutcome, AttemptState
from executors.installation.settings import installation
from executors.logs import store
from executors.models import Attempt, JobContext
from executors.terrakube import stream
from executors.terrakube.follower import Follower
from tests.factories import DESTROY, PLAN, PLAN_AND_APPLY
from tests.spine.sources import archive
from tests.spine.waiting import await_that
from tests.support.patience import patient
from tests.terrakube.conftest import bucket_environ
from tests.terrakube.fake.s3 import Bucket
from tests.terrakube.runs import Fake, ask
from workspaces.choices import JobStatus
from workspaces.jobs import transitions
from workspaces.models import Job, StateVersion, Workspace
from workspaces.services import jobs
from workspaces.services.sources import upload_source

pytestmark = pytest.mark.django_db(transaction=True)
type Launch = Callable[..., Attempt]
type MakeFake = Callable[..., Fake]
VERSIONS = ("2.22.0", "2.28.1", "2.30.2", "2.33.0-beta.12")
SCRIPTS = (
    "flow:\n  - type: customScripts\n    step: 100\n    commands: [{runtime: BASH, priority: 1, script: echo hi}]\n"
)


@pytest.fixture
def make_fake(
    live_server: LiveServer,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    use_image: Callable[[str], None],
    workspace: Workspace,
) -> MakeFake:
    """The image of a version, launched by this site from now on."""
    settings.PUBLIC_URL = live_server.url
    ask(workspace, FAKE_INDEXES="skip")

    def make(version: str, **environ: str) -> Fake:
        monkeypatch.setenv("AzBuilderApiUrl", live_server.url)
        use_image(f"azbuilder/executor:{version}")
        return Fake(version=version, address=live_server.url, environ=environ)

    return make


def log_of(attempt: Attempt) -> str:
    return store.read_log(attempt).data.decode()


def job_of(attempt: Attempt) -> Job:
    return Job.objects.get(pk=attempt.step.job_id)


def with_bucket(bucket: Bucket) -> dict[str, str]:
    return bucket_environ(os.environ["AwsEndpoint"])


@pytest.mark.redis
@pytest.mark.parametrize("version", VERSIONS)
def test_plan_and_apply_complete_in_each_version(
    make_fake: MakeFake, launch: Launch, bucket: Bucket, workspace: Workspace, version: str
) -> None:
    fake = make_fake(version, **with_bucket(bucket))
    ask(workspace, FAKE_TEXT="ein Wörtchen 🙂")
    plan = launch()
    fake.run(plan)
    job = job_of(plan)
    assert (job.status, job.plan_changes) == (JobStatus.PENDING, True), log_of(plan)
    assert job.terraform_plan is not None
    assert job.terraform_plan.endswith(f"{job.pk}/{plan.step.pk}/terraformLibrary.tfPlan")
    assert "line 0 of ein Wörtchen 🙂\n" in log_of(plan)

    apply = launch(job)
    fake.run(apply)
    transitions.advance(job.pk)
    job.refresh_from_db()
    assert job.status == JobStatus.COMPLETED, log_of(apply)
    assert f"applying plan of {plan.step.pk}\n" in log_of(apply)
    assert "Terraform Plan" not in log_of(apply)
    state = StateVersion.objects.get(workspace=workspace)
    assert (state.serial, state.lineage, state.job_id) == (7, "lineage-of-the-fake", job.pk)
    assert b'"answer"' in state.json
    assert {plan.step.attempts.get().outcome, apply.step.attempts.get().outcome} == {AttemptOutcome.SUCCEEDED}


@pytest.mark.parametrize("version", ["2.29.0", "2.30.2"])
def test_the_log_can_come_by_http(
    make_fake: MakeFake, launch: Launch, bucket: Bucket, workspace: Workspace, version: str
) -> None:
    """What is not sent by the end, as there is no flush, is taken from the storage where nothing was sent at all."""
    fake = make_fake(version, **with_bucket(bucket), LogViaApi="true")
    ask(workspace, FAKE_HOLD="sent", FAKE_LINES="2000")
    attempt = launch(flow=PLAN)
    # It measures the stream at its end all the same, and dies where there is none.
    output = fake.run(attempt)
    assert "line 1999 of terraform\n" in log_of(attempt), output


@pytest.mark.redis
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("found", ["none", "error"])
def test_a_plan_without_changes_and_a_failed_one_end_their_jobs(
    make_fake: MakeFake, launch: Launch, workspace: Workspace, version: str, found: str
) -> None:
    fake = make_fake(version)
    ask(workspace, FAKE_PLAN=found)
    attempt = launch()
    fake.run(attempt)
    job = job_of(attempt)
    assert job.status == (JobStatus.COMPLETED if found == "none" else JobStatus.FAILED), log_of(attempt)
    assert job.plan_changes is (found != "none")
    assert not StateVersion.objects.exists()


@pytest.mark.parametrize("version", VERSIONS)
def test_scripts_need_no_redis_and_their_output_comes_from_the_storage(
    make_fake: MakeFake, launch: Launch, bucket: Bucket, version: str
) -> None:
    fake = make_fake(version, **with_bucket(bucket))
    attempt = launch(flow=SCRIPTS)
    fake.run(attempt)
    transitions.advance(attempt.step.job_id)
    assert job_of(attempt).status == JobStatus.COMPLETED
    assert log_of(attempt) == "BASH: echo hi\n"


@pytest.mark.redis
@pytest.mark.parametrize("version", ["2.28.1", "2.33.0"])
def test_a_failed_apply_keeps_the_state_that_it_left(
    make_fake: MakeFake, launch: Launch, bucket: Bucket, workspace: Workspace, version: str
) -> None:
    fake = make_fake(version, **with_bucket(bucket))
    ask(workspace, FAKE_APPLY="error")
    attempt = launch(flow=DESTROY)
    fake.run(attempt)
    assert job_of(attempt).status == JobStatus.FAILED
    assert StateVersion.objects.get(workspace=workspace).serial == 7


@pytest.mark.parametrize("version", ["2.22.0", "2.28.1", "2.30.2", "2.33.0"])
def test_an_uploaded_source_is_fetched(make_fake: MakeFake, launch: Launch, workspace: Workspace, version: str) -> None:
    workspace.branch, workspace.source = "remote-content", "empty"
    workspace.save()
    upload_source(workspace, archive({"main.tf": "# nothing\n"}), by=None)
    fake = make_fake(version)
    attempt = launch(flow=SCRIPTS)
    fake.run(attempt)
    transitions.advance(attempt.step.job_id)
    job = job_of(attempt)
    assert (job.status, job.commit_id) == (JobStatus.COMPLETED, None)


@pytest.mark.parametrize("version", ["2.30.2", "2.33.0"])
def test_a_source_that_can_not_be_fetched_fails_the_step(
    make_fake: MakeFake, launch: Launch, workspace: Workspace, bucket: Bucket, version: str
) -> None:
    ask(workspace, FAKE_CLONE="error")
    fake = make_fake(version, **with_bucket(bucket))
    attempt = launch(flow=SCRIPTS)
    fake.run(attempt)
    assert job_of(attempt).status == JobStatus.FAILED
    assert log_of(attempt) == "Failed to prepare work dir"


@pytest.mark.parametrize("flow", [PLAN_AND_APPLY, DESTROY])
@pytest.mark.parametrize("version", ["2.22.0", "2.28.1"])
def test_an_old_executor_without_its_source_changes_nothing(
    make_fake: MakeFake, launch: Launch, workspace: Workspace, bucket: Bucket, version: str, flow: str
) -> None:
    ask(workspace, FAKE_CLONE="error")
    fake = make_fake(version, **with_bucket(bucket))
    attempt = launch(flow=flow)
    fake.run(attempt)
    attempt.refresh_from_db()
    assert (attempt.outcome, attempt.reason_code) == (AttemptOutcome.FAILED, "source-unproved")
    assert (job_of(attempt).status, transitions.advance(attempt.step.job_id)) == (JobStatus.FAILED, None)
    assert "Terraform" not in log_of(attempt)
    assert not StateVersion.objects.exists()


@pytest.mark.parametrize("version", ["2.22.0", "2.30.2", "2.33.0"])
def test_an_executor_of_a_cancelled_job_ends_without_running_anything(
    make_fake: MakeFake, launch: Launch, version: str
) -> None:
    fake = make_fake(version)
    attempt = launch(flow=SCRIPTS)
    jobs.cancel_job(job_of(attempt), by=None)
    output = fake.run(attempt)
    assert "answered 409" in output
    assert job_of(attempt).status == JobStatus.CANCELLED
    assert log_of(attempt) == ""


@pytest.mark.parametrize(("version", "reported"), [("2.30.2", False), ("2.33.0", True)])
def test_without_redis_the_older_ones_end_in_silence(
    make_fake: MakeFake, launch: Launch, version: str, reported: bool
) -> None:
    fake = make_fake(version, TerrakubeRedisHostname="127.0.0.1", TerrakubeRedisPort="1")
    attempt = launch(flow=PLAN)
    fake.run(attempt)
    attempt.refresh_from_db()
    assert attempt.state == (AttemptState.ENDED if reported else AttemptState.CLAIMED)
    assert job_of(attempt).status == (JobStatus.FAILED if reported else JobStatus.RUNNING)


@pytest.mark.redis
@pytest.mark.postgres
@pytest.mark.parametrize(("version", "reported"), [("2.30.2", False), ("2.33.0", True)])
def test_sigterm_is_reported_since_2_33(
    make_fake: MakeFake, launch: Launch, workspace: Workspace, version: str, reported: bool
) -> None:
    fake = make_fake(version)
    ask(workspace, FAKE_HOLD="60")
    attempt = launch(flow=PLAN)
    with fake.start(attempt) as process:
        await_that(lambda: stream.fold(attempt, attempt.step.job_id), "the step has begun", 30)
        process.terminate()
        process.communicate(timeout=patient(30))
    attempt.refresh_from_db()
    assert job_of(attempt).status == (JobStatus.FAILED if reported else JobStatus.RUNNING)
    assert attempt.outcome == (AttemptOutcome.FAILED if reported else "")


@pytest.mark.redis
@pytest.mark.postgres
def test_a_running_step_is_followed_live_and_its_heartbeat_counts(
    make_fake: MakeFake, launch: Launch, workspace: Workspace
) -> None:
    fake = make_fake("2.33.0")
    ask(workspace, FAKE_HOLD="2")
    attempt = launch(flow=PLAN)
    follower = Follower(installation())
    with fake.start(attempt) as process:

        def seen() -> bool:
            follower.turn()
            return "line 2 of terraform\n" in log_of(attempt)

        await_that(seen, "the log is there while the step runs", 30)
        Attempt.objects.filter(pk=attempt.pk).update(heartbeat_at=attempt.created_at)
        Follower(installation()).turn()
        attempt.refresh_from_db()
        assert attempt.heartbeat_at is not None
        assert attempt.heartbeat_at > attempt.created_at
        assert attempt.state == AttemptState.CLAIMED
        process.communicate(timeout=patient(30))
    assert log_of(attempt).count("line 2 of terraform\n") == 1
    assert job_of(attempt).status == JobStatus.PENDING


@pytest.mark.redis
def test_progress_is_published_into_the_job_s_context(make_fake: MakeFake, launch: Launch) -> None:
    fake = make_fake("2.33.0")
    attempt = launch(flow=PLAN)
    fake.run(attempt)
    content = JobContext.objects.get(job=attempt.step.job_id).content
    assert b"planStructuredOutput" in content
    assert str(attempt.step.pk).encode() in content


@pytest.mark.redis
@pytest.mark.parametrize("version", ["2.30.2"])
def test_sensitive_values_are_masked_in_its_log(
    make_fake: MakeFake, launch: Launch, workspace: Workspace, version: str
) -> None:
    fake = make_fake(version)
    ask(workspace, FAKE_TEXT="text with hidden-value in it")
    workspace.variables.create(key="TOKEN", value="hidden-value", sensitive=True, category="ENV")
    attempt = launch(flow=PLAN)
    fake.run(attempt)
    assert "line 1 of text with *** in it\n" in log_of(attempt)
    assert "hidden-value" not in log_of(attempt)


@pytest.mark.redis
def test_nothing_of_a_step_stays_in_redis(make_fake: MakeFake, launch: Launch) -> None:
    fake = make_fake("2.33.0")
    attempt = launch(flow=PLAN_AND_APPLY)
    fake.run(attempt)
    client = stream._client()
    assert client is not None
    assert client.exists(stream.stream_key(attempt.step.job_id)) == 0
