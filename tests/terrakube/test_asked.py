"""What a job asks for, where the pods run Terrakube's image: honoured by its plan, or refused when the job is made."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from executors.attempts import lifecycle
from executors.choices import AttemptOutcome
from executors.installation.settings import installation
from executors.launching import terrakube_image
from executors.launching.errors import LaunchError
from executors.launching.kubernetes_job import ephemeral_job_data
from executors.models import Attempt
from terrakube_site.terraform.state_arguments import split_arguments
from tests.factories import DESTROY, PLAN, PLAN_AND_APPLY, PLAN_APPROVE_APPLY, VariableFactory
from workspaces import flows
from workspaces.errors import InvalidInput
from workspaces.models import Job, Workspace
from workspaces.services.jobs import create_job
from workspaces.variables.in_force import step_inputs

pytestmark = pytest.mark.django_db
type Launch = Callable[..., Attempt]
APPLY = "flow:\n  - {type: terraformApply, step: 100}\n"
PLAN_DESTROY = "flow:\n  - {type: terraformPlanDestroy, step: 100}\n  - {type: terraformApply, step: 200}\n"
PLAN_THEN_DESTROY = PLAN + "  - {type: terraformDestroy, step: 200}\n"
ENABLE = "TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR"
ASKED: list[dict[str, Any]] = [
    {"targets": ["t.a"]},
    {"replaces": ["t.a"]},
    {"refresh": False},
    {"refresh_only": True},
]


@pytest.fixture
def in_pods(workspace: Workspace, use_image: Callable[[str], None]) -> Workspace:
    VariableFactory.create(workspace=workspace, key=ENABLE, value="1")
    return workspace


def environment_of(attempt: Attempt) -> dict[str, str]:
    step = attempt.step
    text = ephemeral_job_data(attempt, step, step_inputs(step.job, flows.from_json(step.flow)), installation())
    found: dict[str, str] = json.loads(base64.b64decode(text))["environmentVariables"]
    return found


@pytest.mark.parametrize("asked", ASKED, ids=str)
@pytest.mark.parametrize("flow", [PLAN, PLAN_AND_APPLY, PLAN_APPROVE_APPLY])
def test_what_its_plan_honours_is_taken(in_pods: Workspace, flow: str, asked: dict[str, Any]) -> None:
    assert create_job(in_pods, by=None, tcl=flow, **asked).pk


@pytest.mark.parametrize("asked", ASKED, ids=str)
@pytest.mark.parametrize("flow", [APPLY, DESTROY, PLAN_THEN_DESTROY])
def test_what_it_would_not_honour_is_refused_with_the_way_out(
    in_pods: Workspace, flow: str, asked: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput, match=r"[Cc]hoose a template that plans|destroy cannot replace|cannot destroy"):
        create_job(in_pods, by=None, tcl=flow, **asked)
    assert not Job.objects.exists()


@pytest.mark.parametrize("flow", [APPLY, DESTROY])
def test_a_job_that_asks_nothing_is_taken(in_pods: Workspace, flow: str) -> None:
    assert create_job(in_pods, by=None, tcl=flow).pk


@pytest.mark.parametrize("flow", [APPLY, DESTROY])
def test_another_executor_honours_it(workspace: Workspace, use_image: Callable[[str], None], flow: str) -> None:
    assert create_job(workspace, by=None, tcl=flow, targets=["t.a"]).pk, "on this machine"
    VariableFactory.create(workspace=workspace, key=ENABLE, value="1")
    use_image("registry.example/terrakube-executor:1")
    assert create_job(workspace, by=None, tcl=flow, targets=["t.a"]).pk, "in pods of this project's image"


@pytest.mark.parametrize(
    "own",
    [
        *("-target=t.b", "-parallelism=2 --replace t.b", "-destroy", r'"-tar\get=t.b"', "-var 'x"),
        # To terraform a quote in $( ) is none.
        "-var=x=$(') -target=t.b -var=y=$(')",
    ],
)
def test_a_variable_that_names_addresses_itself_is_refused_beside_those_of_a_job(in_pods: Workspace, own: str) -> None:
    VariableFactory.create(workspace=in_pods, key="TF_CLI_ARGS_plan", value=own, sensitive=True)
    with pytest.raises(InvalidInput, match="TF_CLI_ARGS_plan of the workspace also contains addresses") as refused:
        create_job(in_pods, by=None, tcl=PLAN_AND_APPLY, targets=["t.a"])
    assert "t.b" not in refused.value.message
    assert create_job(in_pods, by=None, tcl=PLAN_AND_APPLY).pk


@pytest.mark.parametrize("own", ["", "-parallelism=2 -var 'x=a b'", "-var=x=1&y=2"])
@pytest.mark.parametrize("flow", [PLAN_AND_APPLY, PLAN_DESTROY])
def test_its_plan_gets_the_addresses_before_the_workspaces_own_arguments_which_may_end_them(
    launch: Launch, in_pods: Workspace, flow: str, own: str
) -> None:
    if own:
        VariableFactory.create(workspace=in_pods, key="TF_CLI_ARGS_plan", value=own)
    job = create_job(in_pods, by=None, tcl=flow, targets=['module.a["k y"]', "t.b"])
    attempt = launch(job)
    words = split_arguments(environment_of(attempt)["TF_CLI_ARGS_plan"])
    assert words == ['-target=module.a["k y"]', "-target=t.b", *split_arguments(own)]

    lifecycle.claim_attempt(attempt, "s" * 43)
    lifecycle.report_result(attempt, lifecycle.Report(outcome=AttemptOutcome.SUCCEEDED, changes=True))
    apply = environment_of(launch(job))
    assert apply.get("TF_CLI_ARGS_plan", "") == own


def test_a_job_that_is_older_than_the_image_is_not_launched(
    launch: Launch, in_pods: Workspace, use_image: Callable[[str], None]
) -> None:
    use_image("registry.example/terrakube-executor:1")
    job = create_job(in_pods, by=None, tcl=DESTROY, targets=["t.a"])
    attempt = launch(job)
    use_image("azbuilder/executor:2.30.2")
    with pytest.raises(LaunchError, match="choose a template that plans before it applies") as refused:
        terrakube_image.prepare_launch(attempt, attempt.step)
    assert (refused.value.why.code, refused.value.retryable) == ("scope-not-kept", False)
