"""The object storage that executors write and this site reads: settings, states, logs and plans."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.http import HttpResponse

from executors.attempts import lifecycle
from executors.attempts.tokens import claim_token
from executors.choices import AttemptOutcome
from executors.launching import terrakube_image
from executors.launching.errors import LaunchError
from executors.models import Attempt
from executors.terrakube import progress, storage
from terrakube_site.env import SettingError
from tests.api.client import Api, token_of
from tests.factories import TeamFactory, VariableFactory, WorkspaceFactory
from tests.terrakube.calls import Calls
from tests.terrakube.fake.s3 import Bucket
from workspaces.choices import JobStatus
from workspaces.models import Job, RecoveredState, StateVersion, Step, Workspace
from workspaces.reasons import told

RAW = {"version": 4, "serial": 9, "lineage": "l-9", "outputs": {}, "resources": []}
DESCRIBED = {"values": {"outputs": {"answer": {"value": 42, "sensitive": False, "type": "number"}}}}


@pytest.fixture
def attempt(launch: Callable[..., Attempt]) -> Attempt:
    attempt = launch()
    Calls(attempt.step).start()
    attempt.refresh_from_db()
    return attempt


@pytest.fixture
def owner(workspace: Workspace) -> Api:
    TeamFactory.create(organization=workspace.organization, name="OWNERS", manage_state=True, role="admin")
    return Api(token_of("OWNERS"), prefix="/")


def folder_of(workspace: Workspace) -> str:
    return f"tfstate/{workspace.organization_id}/{workspace.pk}"


def put_state(bucket: Bucket, workspace: Workspace, key: UUID, *, raw: bytes | None = None) -> None:
    bucket.put(f"{folder_of(workspace)}/state/{key}.json", json.dumps(DESCRIBED).encode())
    bucket.put(f"{folder_of(workspace)}/state/{key}.raw.json", json.dumps(RAW).encode() if raw is None else raw)


def announce(attempt: Attempt, key: object, **changes: Any) -> HttpResponse:
    workspace = attempt.step.job.workspace
    path = f"organization/{workspace.organization_id}/workspace/{workspace.pk}"
    attributes = {
        "output": f"http://site/tfstate/v1/{path}/state/{key}.json",
        "jobReference": str(attempt.step.job_id),
        "serial": 1,
        "md5": "0",
        "lineage": "0",
        **changes,
    }
    document = {"data": {"type": "history", "attributes": attributes}}
    return Calls(attempt.step).send("POST", f"/api/v1/{path}/history", document)


# ---- settings -------------------------------------------------------------------------------------------------------

AWS = {
    "StorageType": "AWS",
    "AwsStorageBucketName": "b",
    "AwsStorageAccessKey": "a",
    "AwsStorageSecretKey": "very-secret",
}


def test_without_settings_there_is_no_storage() -> None:
    assert storage.read({}).kind == ""


def test_s3_is_read_under_terrakube_s_names() -> None:
    found = storage.read(AWS | {"AwsStorageRegion": "eu-west-1", "AwsEndpoint": "http://minio:9000/"})
    assert (found.bucket, found.region, found.endpoint) == ("b", "eu-west-1", "http://minio:9000")
    assert (found.access_key, found.secret_key) == ("a", "very-secret")
    assert "very-secret" not in repr(found)


def test_with_a_role_neither_keys_nor_endpoint_count() -> None:
    found = storage.read(AWS | {"AwsEndpoint": "http://minio:9000", "AwsEnableRoleAuth": "true"})
    assert (found.access_key, found.secret_key, found.endpoint) == (None, None, None)


@pytest.mark.parametrize(
    "environ", [{"StorageType": "FTP"}, {"StorageType": "AWS"}, AWS | {"AwsEndpoint": "minio"}, {"StorageType": "aws"}]
)
def test_wrong_settings_are_told_at_start(environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingError):
        storage.read(environ)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    (found,) = storage.check_storage()
    assert found.id == "executors.E005"


@pytest.mark.parametrize("kind", ["AZURE", "GCP"])
def test_a_storage_that_is_not_read_is_said_to_be_so(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("StorageType", kind)
    (found,) = storage.check_storage()
    assert (found.id, kind in found.msg) == ("executors.W005", True)


@pytest.mark.parametrize(
    "address", ["", "x", "http://site/tfstate/v1/organization/o/workspace/w/state/terraform.tfstate"]
)
def test_an_address_of_no_state_has_no_id(address: str) -> None:
    assert storage.state_key(address) is None


# ---- states ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"serial": 8}, {"outputs": {"b": {"value": 1}}}, {"serial": 10, "lineage": "l-10"}])
def test_a_state_that_does_not_follow_the_current_one_is_refused_and_kept(
    attempt: Attempt, bucket: Bucket, workspace: Workspace, change: dict[str, Any]
) -> None:
    first, second = uuid4(), uuid4()
    put_state(bucket, workspace, first)
    assert announce(attempt, first).status_code == 201
    put_state(bucket, workspace, second, raw=json.dumps({**RAW, **change}).encode())
    assert announce(attempt, second).status_code == 409
    assert announce(attempt, second).status_code == 409
    assert StateVersion.objects.get().pk == first
    recovered = RecoveredState.objects.get()
    assert (recovered.job_id, json.loads(recovered.content)) == (attempt.step.job_id, {**RAW, **change})
    # The current state again, under an address of its own, as after an apply without changes.
    again = uuid4()
    put_state(bucket, workspace, again)
    assert announce(attempt, again).status_code == 201
    # What it says afterwards makes no success of it.
    progress.end_step(attempt.step, succeeded=True)
    progress.end_job(attempt.step.job, progress.JobReport(status=JobStatus.PENDING))
    attempt.refresh_from_db()
    assert (attempt.outcome, attempt.reason_code) == (AttemptOutcome.FAILED, "state-refused")


@pytest.mark.django_db
def test_an_announced_state_is_fetched_and_has_its_own_serial(
    attempt: Attempt, bucket: Bucket, workspace: Workspace, owner: Api
) -> None:
    key = uuid4()
    put_state(bucket, workspace, key)
    response = announce(attempt, key)
    assert response.status_code == 201
    data = json.loads(response.content)["data"]
    assert (data["type"], data["id"]) == ("history", str(key))
    assert data["attributes"]["serial"] == 9
    assert data["attributes"]["jobReference"] == str(attempt.step.job_id)
    assert data["attributes"]["output"].startswith(settings.PUBLIC_URL)
    version = StateVersion.objects.get()
    assert (version.lineage, json.loads(version.content)) == ("l-9", RAW)
    address = data["attributes"]["output"].removeprefix(f"{settings.PUBLIC_URL}/")
    assert json.loads(owner.get(address).content) == DESCRIBED
    current = address.rpartition("/")[0] + "/terraform.tfstate"
    assert json.loads(owner.get(current).content) == RAW


@pytest.mark.django_db
def test_an_announcement_that_is_repeated_makes_one_version(
    attempt: Attempt, bucket: Bucket, workspace: Workspace
) -> None:
    key, second = uuid4(), uuid4()
    put_state(bucket, workspace, key)
    put_state(bucket, workspace, second)
    assert [announce(attempt, key).status_code for _ in range(3)] == [201, 201, 201]
    assert announce(attempt, second).status_code == 201
    assert list(StateVersion.objects.order_by("number").values_list("number", "pk")) == [(1, key), (2, second)]


@pytest.mark.django_db
def test_a_state_is_kept_though_its_job_was_cancelled(attempt: Attempt, bucket: Bucket, workspace: Workspace) -> None:
    """It was written, whatever became of the job."""
    key = uuid4()
    put_state(bucket, workspace, key)
    lifecycle.fail_attempt(attempt, told("silent", "lost"), outcome=AttemptOutcome.LOST)
    assert announce(attempt, key).status_code == 201
    assert StateVersion.objects.get().serial == 9


@pytest.mark.django_db
@pytest.mark.parametrize("content", [b"", b"not json", b"{}"])
def test_a_state_that_can_not_be_read_is_kept_by_its_id(
    attempt: Attempt, bucket: Bucket, workspace: Workspace, content: bytes
) -> None:
    key = uuid4()
    put_state(bucket, workspace, key, raw=content)
    assert announce(attempt, key).status_code == 201
    version = StateVersion.objects.get()
    assert (version.pk, version.content, version.serial) == (key, None, 1)


@pytest.mark.django_db
def test_without_a_storage_a_state_is_kept_by_its_id_and_never_taken_for_none(attempt: Attempt) -> None:
    key = uuid4()
    assert announce(attempt, key).status_code == 201
    assert StateVersion.objects.get().content is None
    # As if an executor of ours had the next step of the workspace.
    calls = Calls(attempt.step, bearer=claim_token(attempt))
    path = f"/executor/v1/attempts/{attempt.pk}"
    Attempt.objects.filter(pk=attempt.pk).update(state="launched", claimed_at=None)
    Job.objects.filter(pk=attempt.step.job_id).update(status="queue")
    Step.objects.filter(pk=attempt.step_id).update(status="queue")
    assert calls.send("POST", f"{path}/claim", {"session": "s" * 43}).status_code == 200
    response = Calls(attempt.step, bearer="s" * 43).send("GET", f"{path}/state")
    assert response.status_code == 409, "an empty answer would plan to create everything again"


@pytest.mark.django_db
def test_a_state_of_before_is_found_at_its_old_address(bucket: Bucket, workspace: Workspace, owner: Api) -> None:
    key = uuid4()
    put_state(bucket, workspace, key)
    bucket.put(f"{folder_of(workspace)}/terraform.tfstate", json.dumps(RAW).encode())
    base = f"tfstate/v1/organization/{workspace.organization_id}/workspace/{workspace.pk}/state"
    assert json.loads(owner.get(f"{base}/{key}.json").content) == DESCRIBED
    assert json.loads(owner.get(f"{base}/terraform.tfstate").content) == RAW
    assert owner.get(f"{base}/{uuid4()}.json").status_code == 404
    assert Api(token_of("STRANGERS"), prefix="/").get(f"{base}/{key}.json").status_code == 404


@pytest.mark.django_db
def test_a_state_of_another_workspace_is_not_given_away(
    attempt: Attempt, bucket: Bucket, workspace: Workspace, owner: Api
) -> None:
    other = WorkspaceFactory.create()
    key = uuid4()
    put_state(bucket, other, key)
    base = f"tfstate/v1/organization/{workspace.organization_id}/workspace/{workspace.pk}/state"
    assert owner.get(f"{base}/{key}.json").status_code == 404
    StateVersion.objects.create(pk=key, workspace=other, number=1)
    assert announce(attempt, key).status_code == 400


@pytest.mark.django_db
@pytest.mark.parametrize("changes", [{"output": ""}, {"output": None}, {"output": 3}, {"output": "http://site/x.json"}])
def test_an_announcement_of_nothing_is_refused(attempt: Attempt, changes: Mapping[str, Any]) -> None:
    assert announce(attempt, uuid4(), **changes).status_code == 400
    assert not StateVersion.objects.exists()


@pytest.mark.django_db
def test_people_announce_no_states(attempt: Attempt, workspace: Workspace, owner: Api) -> None:
    path = f"api/v1/organization/{workspace.organization_id}/workspace/{workspace.pk}/history"
    attributes = {"output": f"http://site/tfstate/v1/organization/o/workspace/w/state/{uuid4()}.json"}
    assert owner.post(path, "history", attributes).status_code == 403
    assert not StateVersion.objects.exists()


@pytest.mark.django_db
def test_a_step_that_would_not_see_its_workspace_s_state_is_not_launched(
    attempt: Attempt, bucket: Bucket, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    terrakube_image.prepare_launch(attempt, attempt.step)
    StateVersion.objects.create(workspace=workspace, number=1, content=json.dumps(RAW).encode())
    with pytest.raises(LaunchError, match="This site keeps the state") as caught:
        terrakube_image.prepare_launch(attempt, attempt.step)
    assert not caught.value.retryable
    bucket.put(f"{folder_of(workspace)}/terraform.tfstate", json.dumps(RAW).encode())
    terrakube_image.prepare_launch(attempt, attempt.step)
    monkeypatch.setenv("AwsEndpoint", "http://127.0.0.1:1")
    storage.forget()
    with pytest.raises(LaunchError, match="does not answer") as caught:
        terrakube_image.prepare_launch(attempt, attempt.step)
    assert caught.value.retryable


# ---- plans and logs -------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_plan_is_given_to_those_who_may_see_states(
    attempt: Attempt, bucket: Bucket, workspace: Workspace, owner: Api
) -> None:
    job, step = attempt.step.job, attempt.step
    bucket.put(f"{folder_of(workspace)}/{job.pk}/{step.pk}/terraformLibrary.tfPlan", b"the plan")
    address = (
        f"tfstate/v1/organization/{workspace.organization_id}/workspace/{workspace.pk}"
        f"/jobId/{job.pk}/step/{step.pk}/terraform.tfstate"
    )
    assert owner.get(address).content == b"the plan"
    assert owner.get(address.replace(f"/jobId/{job.pk}/", "/jobId/999/")).status_code == 404


def log_address(attempt: Attempt) -> str:
    job = attempt.step.job
    return f"tfoutput/v1/organization/{job.organization_id}/job/{job.pk}/step/{attempt.step_id}"


@pytest.mark.django_db
def test_a_stored_log_is_shown_masked_where_no_other_is(attempt: Attempt, bucket: Bucket, owner: Api) -> None:
    job = attempt.step.job
    VariableFactory.create(workspace=job.workspace, value="hidden-value", sensitive=True)
    assert owner.get(log_address(attempt)).content == b""
    bucket.put(f"tfoutput/{job.organization_id}/{job.pk}/{attempt.step_id}.tfoutput", b"the hidden-value is stored")
    assert owner.get(log_address(attempt)).content == b"the *** is stored"


@pytest.mark.django_db
def test_a_storage_that_does_not_answer_is_no_log_and_holds_up_no_result(
    attempt: Attempt, bucket: Bucket, owner: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AwsEndpoint", "http://127.0.0.1:1")
    storage.forget()
    assert owner.get(log_address(attempt)).status_code == 503
    Calls(attempt.step).end(planChanges=False)
    assert Job.objects.get(pk=attempt.step.job_id).status == "completed"


@pytest.mark.django_db
def test_a_shared_folder_has_terrakube_s_own_names(attempt: Attempt, local_storage: Path, owner: Api) -> None:
    workspace, key = attempt.step.job.workspace, uuid4()
    place = Path(str(workspace.organization_id), str(workspace.pk))
    states = local_storage / "state" / place / "state"
    states.mkdir(parents=True)
    (states / f"{key}.json").write_text(json.dumps(DESCRIBED))
    (states / f"{key}.raw.json").write_text(json.dumps(RAW))
    output = local_storage / "output" / str(workspace.organization_id) / str(attempt.step.job_id)
    output.mkdir(parents=True)
    (output / f"{attempt.step_id}.tfoutput").write_text("stored")
    assert announce(attempt, key).status_code == 201
    assert StateVersion.objects.get().serial == 9
    assert owner.get(log_address(attempt)).content == b"stored"
