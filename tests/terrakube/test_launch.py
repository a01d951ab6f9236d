"""What a pod of Terrakube's image is told, and when it is not launched."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.checks import Warning

from executors.attempts import cleanup, lifecycle
from executors.choices import AttemptState
from executors.installation import settings
from executors.installation.settings import installation
from executors.launching import terrakube_image
from executors.launching.errors import LaunchError
from executors.launching.kubernetes_job import ephemeral_job_data
from executors.models import Attempt
from executors.terrakube.progress import runs_terrakube
from terrakube_site.env import SettingErrors
from tests.factories import VariableFactory
from tests.terrakube.fake import job as jobs
from workspaces import flows
from workspaces.models import Workspace
from workspaces.reasons import told
from workspaces.variables.in_force import step_inputs

pytestmark = pytest.mark.django_db
type Launch = Callable[..., Attempt]
FLOW = """
flow:
  - type: terraformPlan
    name: Plan
    step: 100
    ignoreError: true
    commands: [{runtime: BASH, priority: 1, beforeInit: true, script: echo hi}]
    onFailure: [{runtime: BASH, priority: 1, script: echo no}]
"""


def text_of(attempt: Attempt) -> str:
    step = attempt.step
    return ephemeral_job_data(attempt, step, step_inputs(step.job, flows.from_json(step.flow)), installation())


def data_of(attempt: Attempt) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.b64decode(text_of(attempt), validate=True))
    return found


@pytest.mark.parametrize(
    ("version", "missing"),
    [
        ("2.22.0", {"connectionType", "ignoreError", "onFailureList"}),
        ("2.23.5", {"ignoreError", "onFailureList"}),
        ("2.24.0", {"onFailureList"}),
        ("2.28.0", {"onFailureList"}),
        ("2.29.4", {"onFailureList"}),
        ("2.30.2", set()),
        ("v2.33.0-beta.12", set()),
    ],
)
def test_a_version_is_told_exactly_what_it_knows(
    launch: Launch, use_image: Callable[[str], None], version: str, missing: set[str]
) -> None:
    use_image(f"registry.example:5000/azbuilder/executor:{version}")
    attempt = launch(flow=FLOW)
    data = data_of(attempt)
    assert {"connectionType", "ignoreError", "onFailureList"} - data.keys() == missing
    number = (2, int(version.split(".")[1]))
    # The fake hangs on what its version does not know, as the real one does.
    assert jobs.read(text_of(attempt), number) == data
    assert ("beforeInit" in data["commandList"][0]) == (number >= (2, 28))
    assert not {"attemptUrl", "attemptToken", "caBundle"} & data.keys()


def test_its_environment_has_the_control_keys_too(launch: Launch, workspace: Workspace) -> None:
    VariableFactory.create(workspace=workspace, key="EPHEMERAL_MEMORY_LIMIT", value="1Gi")
    environment = data_of(launch())["environmentVariables"]
    assert environment["EPHEMERAL_MEMORY_LIMIT"] == "1Gi"
    assert environment["workspaceName"] == workspace.name


def test_a_payload_over_the_limit_of_an_environment_variable_is_refused_before_launch(
    launch: Launch, workspace: Workspace
) -> None:
    VariableFactory.create(workspace=workspace, key="HUGE", value="x" * 60_000)
    attempt = launch()
    assert len(text_of(attempt)) < 131_072 - len("EphemeralJobData=")
    VariableFactory.create(workspace=workspace, key="MORE", value="x" * 60_000)
    with pytest.raises(LaunchError, match=r"takes \d+ bytes as an environment variable; Linux allows 131071") as caught:
        text_of(attempt)
    assert (caught.value.why.code, caught.value.retryable) == ("job-data-too-large", False)


def test_a_setting_tells_the_version_of_an_image_whose_tag_does_not(
    launch: Launch, use_image: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ExecutorEphemeralImageVersion", "2.23.1")
    use_image("mirror.example/tools/runner@sha256:" + "0" * 64)
    attempt = launch(flow=FLOW)
    assert "connectionType" in data_of(attempt)
    assert "ignoreError" not in data_of(attempt)
    assert installation().is_terrakube_image
    assert runs_terrakube(attempt)


@pytest.mark.parametrize("version", ["new", "2", "2.x", "two.three"])
def test_a_version_that_is_none_is_told_at_start(version: str) -> None:
    with pytest.raises(SettingErrors, match="ExecutorEphemeralImageVersion"):
        settings.read({"ExecutorEphemeralImageVersion": version})


@pytest.mark.parametrize(
    ("image", "warned"), [("azbuilder/executor:latest", True), ("azbuilder/executor:2.30.2", False)]
)
def test_an_image_that_tells_no_version_is_warned_of(
    use_image: Callable[[str], None], image: str, warned: bool
) -> None:
    use_image(image)
    found = [message for message in settings.check_installation() if message.id == "executors.W004"]
    assert bool(found) is warned
    assert all(isinstance(message, Warning) for message in found)


def test_a_mode_that_this_image_does_not_understand_is_warned_of(
    use_image: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ExecutorEphemeralJobData", "claim")
    use_image("azbuilder/executor:2.30.2")
    assert [message.id for message in settings.check_installation()] == ["executors.W006"]
    use_image("terrakube-executor:1")
    assert settings.check_installation() == []


def test_the_next_pod_waits_until_the_last_one_is_gone(launch: Launch) -> None:
    attempt = launch()
    terrakube_image.prepare_launch(attempt, attempt.step)
    following = lifecycle.replace_attempt(attempt, told("start-timeout", "It did not start"), limit=3)
    assert following is not None
    with pytest.raises(LaunchError) as caught:
        terrakube_image.prepare_launch(following, attempt.step)
    assert caught.value.retryable
    cleanup.mark_gone(attempt)
    terrakube_image.prepare_launch(following, attempt.step)
    assert following.state == AttemptState.NEW
