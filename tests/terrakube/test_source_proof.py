"""An executor that goes on without its source, as Terrakube's up to 2.28 do, plans and changes nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from executors.choices import AttemptOutcome, AttemptState
from executors.models import Attempt
from tests.factories import DESTROY, PLAN, PLAN_AND_APPLY
from tests.spine.sources import archive
from tests.terrakube.calls import COMMIT, Calls
from workspaces.choices import JobStatus
from workspaces.jobs import transitions
from workspaces.models import Job, Workspace
from workspaces.services import jobs
from workspaces.services.sources import pin_source, upload_source

pytestmark = pytest.mark.django_db
type Launch = Callable[..., Attempt]
type UseImage = Callable[[str], None]
OLD = ("2.22.0", "2.23.5", "2.24.1", "2.25.0", "2.26.3", "2.27.0", "2.28.1")
NEW = ("2.29.0", "2.30.2", "2.33.0-beta.12")
NO_COMMIT = ("", "000000000", None)
APPLY = "flow:\n  - {type: terraformApply, name: Apply, step: 100}\n"
SCRIPTS = (
    "flow:\n  - type: customScripts\n    step: 100\n    commands: [{runtime: BASH, priority: 1, script: echo hi}]\n"
)
LOCATION = "http://s3.example/bucket/tfstate/o/w/1/s/terraformLibrary.tfPlan"
NOTHING_RUN = (
    "The executor did not confirm that it has the source, and versions up to 2.28 run without it: nothing was run"
)


def job_of(attempt: Attempt) -> Job:
    return Job.objects.get(pk=attempt.step.job_id)


def version_of(image: str) -> tuple[int, int]:
    major, minor, *_ = image.split(".")
    return int(major), int(minor)


@pytest.mark.parametrize("version", OLD)
@pytest.mark.parametrize("commit", NO_COMMIT)
def test_a_plan_without_a_commit_is_not_begun_and_its_job_fails(
    launch: Launch, use_image: UseImage, version: str, commit: str | None
) -> None:
    use_image(f"azbuilder/executor:{version}")
    attempt = launch(flow=PLAN_AND_APPLY)
    calls = Calls(attempt.step, version=version_of(version))
    refused = calls.patch_job("running", commitId=commit)
    assert refused.status_code == 409
    attempt.refresh_from_db()
    assert (attempt.state, attempt.outcome, attempt.reason_code) == (
        AttemptState.ENDED,
        AttemptOutcome.FAILED,
        "source-unproved",
    )
    assert attempt.reason == NOTHING_RUN
    job = job_of(attempt)
    assert (job.status, job.commit_id, transitions.advance(job.pk)) == (JobStatus.FAILED, None, None)
    # What it would say later is answered and changes nothing.
    calls.patch_step("completed")
    assert calls.patch_job("pending", commitId=commit, terraformPlan=LOCATION).status_code == 204
    job.refresh_from_db()
    assert (job.status, job.terraform_plan, transitions.advance(job.pk)) == (JobStatus.FAILED, None, None)


@pytest.mark.parametrize("flow", [APPLY, DESTROY, SCRIPTS], ids=["apply", "destroy", "scripts"])
@pytest.mark.parametrize("version", ["2.22.0", "2.28.1"])
def test_a_single_step_that_changes_something_is_not_begun(
    launch: Launch, use_image: UseImage, version: str, flow: str
) -> None:
    use_image(f"azbuilder/executor:{version}")
    attempt = launch(flow=flow)
    assert (
        Calls(attempt.step, version=version_of(version)).patch_job("running", commitId="000000000").status_code == 409
    )
    assert job_of(attempt).status == JobStatus.FAILED


@pytest.mark.parametrize("version", OLD)
def test_with_its_commit_an_old_version_goes_on(launch: Launch, use_image: UseImage, version: str) -> None:
    use_image(f"azbuilder/executor:{version}")
    attempt = launch(flow=PLAN_AND_APPLY)
    calls = Calls(attempt.step, version=version_of(version))
    calls.start()
    calls.end(planChanges=True, terraformPlan=LOCATION)
    assert (job_of(attempt).status, job_of(attempt).commit_id) == (JobStatus.PENDING, COMMIT)
    apply = launch(job_of(attempt))
    following = Calls(apply.step, version=version_of(version))
    following.start()
    following.end()
    transitions.advance(apply.step.job_id)
    assert job_of(apply).status == JobStatus.COMPLETED


def test_the_apply_of_a_plan_needs_its_source_too(launch: Launch, use_image: UseImage) -> None:
    use_image("azbuilder/executor:2.28.1")
    attempt = launch(flow=PLAN_AND_APPLY)
    calls = Calls(attempt.step, version=(2, 28))
    calls.start()
    calls.end(planChanges=True, terraformPlan=LOCATION)
    apply = launch(job_of(attempt))
    assert Calls(apply.step, version=(2, 28)).patch_job("running", commitId="000000000").status_code == 409
    assert job_of(apply).status == JobStatus.FAILED


@pytest.mark.parametrize("version", NEW)
@pytest.mark.parametrize("commit", NO_COMMIT)
def test_newer_versions_fail_by_themselves_and_are_asked_nothing(
    launch: Launch, use_image: UseImage, version: str, commit: str | None
) -> None:
    use_image(f"azbuilder/executor:{version}")
    attempt = launch(flow=PLAN)
    assert Calls(attempt.step, version=version_of(version)).patch_job("running", commitId=commit).status_code == 204


@pytest.mark.parametrize(
    ("flow", "words"), [(PLAN_AND_APPLY, "its plan is not used"), (DESTROY, "it ran in an empty folder")]
)
def test_one_that_never_said_when_it_began_is_judged_at_its_end(
    launch: Launch, use_image: UseImage, flow: str, words: str
) -> None:
    """``ExecutorFlagDisableAcknowledge`` leaves out the first reports."""
    use_image("azbuilder/executor:2.28.1")
    attempt = launch(flow=flow)
    calls = Calls(attempt.step, version=(2, 28))
    assert calls.patch_step("completed").status_code == 204
    assert calls.patch_job("pending", commitId="000000000", terraformPlan=LOCATION).status_code == 204
    attempt.refresh_from_db()
    assert (attempt.outcome, attempt.reason_code) == (AttemptOutcome.FAILED, "source-unproved")
    assert attempt.reason.endswith(words)
    job = job_of(attempt)
    assert (job.status, job.terraform_plan, transitions.advance(job.pk)) == (JobStatus.FAILED, None, None)


def test_a_version_that_nothing_tells_may_be_an_old_one(launch: Launch, use_image: UseImage) -> None:
    use_image("registry.example/azbuilder/executor")
    attempt = launch(flow=PLAN)
    assert Calls(attempt.step).patch_job("running", commitId="000000000").status_code == 409


def test_the_version_is_that_of_the_pods_own_image(launch: Launch, use_image: UseImage) -> None:
    use_image("azbuilder/executor:2.24.0")
    attempt = launch(flow=PLAN)
    use_image("azbuilder/executor:2.33.0")
    assert Calls(attempt.step, version=(2, 24)).patch_job("running", commitId="").status_code == 409


@pytest.mark.parametrize("given", [True, False])
def test_an_uploaded_source_must_have_been_given_away(
    launch: Launch, use_image: UseImage, workspace: Workspace, given: bool
) -> None:
    use_image("azbuilder/executor:2.28.1")
    workspace.branch, workspace.source = "remote-content", "empty"
    workspace.save()
    version = upload_source(workspace, archive({"main.tf": "# nothing\n"}), by=None)
    job = jobs.create_job(workspace, by=None, tcl=PLAN)
    assert pin_source(job)
    attempt = launch(job)
    calls = Calls(attempt.step, version=(2, 28))
    if given:
        path = f"/remote/tfe/v2/configuration-versions/{version.pk}/terraformContent.tar.gz"
        assert calls.send("GET", path).status_code == 200
    assert calls.patch_job("running", commitId="000000000").status_code == (204 if given else 409)
    assert job_of(attempt).status == (JobStatus.RUNNING if given else JobStatus.FAILED)


@pytest.mark.parametrize(
    ("source", "status"), [("empty", 409), ("https://archives.example/net.tar.gz", 204)], ids=["nothing", "elsewhere"]
)
def test_an_upload_that_never_was_is_no_source_and_another_hosts_is_its_own_matter(
    launch: Launch, use_image: UseImage, workspace: Workspace, source: str, status: int
) -> None:
    use_image("azbuilder/executor:2.28.1")
    workspace.branch, workspace.source = "remote-content", source
    workspace.save()
    attempt = launch(flow=PLAN)
    assert Calls(attempt.step, version=(2, 28)).patch_job("running", commitId="000000000").status_code == status
