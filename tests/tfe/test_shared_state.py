"""What a running step reads of the states of other workspaces, with the token of its attempt."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from executors.agent.environment import add_host_tokens
from executors.attempts.handover import claim_answer
from executors.attempts.state_tokens import host_tokens, state_token
from executors.attempts.tokens import claim_token
from executors.choices import AttemptState, ExecutorKind
from executors.models import Attempt
from tests.api.client import Api, token_of
from tests.factories import OrganizationFactory, TemplateFactory, WorkspaceFactory
from tests.tfe.terminal import MIXED, Terminal, inline, state_of
from workspaces.jobs import transitions
from workspaces.models import Organization, Workspace
from workspaces.services.jobs import create_job

pytestmark = pytest.mark.django_db


@pytest.fixture
def source(organization: Organization) -> Workspace:
    """A workspace with a state."""
    found = WorkspaceFactory.create(organization=organization, name="source", global_remote_state=False)
    terminal = Terminal(Api(token_of("OWNERS")), found)
    terminal.act("lock")
    assert terminal.at("POST", "state-versions", inline(state_of(1, outputs=MIXED)))[0] == 201
    terminal.act("unlock")
    return found


@pytest.fixture
def attempt(workspace: Workspace) -> Attempt:
    """The attempt of a step of another workspace, which is at work."""
    template = TemplateFactory.create(organization=workspace.organization, name="any")
    job = create_job(workspace, by=None, template=template)
    transitions.advance(job.pk)
    now = timezone.now()
    return Attempt.objects.create(
        step=job.steps.get(step_number=100),
        number=1,
        executor=ExecutorKind.LOCAL,
        state=AttemptState.CLAIMED,
        created_at=now,
        not_before=now,
    )


class Run:
    """What a step's terraform asks."""

    def __init__(self, attempt: Attempt) -> None:
        self.api = Api(state_token(attempt), prefix="/remote/tfe/v2/")

    def call(self, method: str, path: str, sent: Any = None) -> tuple[int, Any]:
        response = self.api.call(method, path, sent)
        return response.status_code, json.loads(response.content)


@pytest.fixture
def run(attempt: Attempt) -> Run:
    return Run(attempt)


def refusal(answer: tuple[int, Any]) -> str:
    status, found = answer
    assert status == 403
    return str(found["errors"][0]["detail"])


def test_a_run_reads_a_state_that_is_shared_with_all(run: Run, source: Workspace) -> None:
    Workspace.objects.filter(pk=source.pk).update(global_remote_state=True)
    assert run.call("GET", "organizations/net/entitlement-set")[0] == 200
    _status, current = run.call("GET", f"workspaces/{source.pk}/current-state-version")
    address = current["data"]["attributes"]["hosted-state-download-url"]
    assert urlsplit(address).netloc == ""
    assert run.api.client.get(address, headers={"Authorization": f"Bearer {run.api.token}"}).content == state_of(
        1, outputs=MIXED
    )
    _status, named = run.call("GET", "organizations/net/workspaces/source?include=outputs")
    keys = [one["id"] for one in named["data"]["relationships"]["outputs"]["data"]]
    values = {one["attributes"]["name"]: one["attributes"]["value"] for one in named["included"]}
    assert values == {"bare": "bare", "hidden": None, "many": ["a"], "shape": {"a": 1}, "yes": True}
    assert len(keys) == len(values)
    hidden = f"state-version-outputs/{current['data']['id']}.hidden"
    assert run.call("GET", hidden)[1]["data"]["attributes"]["value"] == "value-of-hidden"


def test_a_run_reads_a_state_that_names_its_workspace(run: Run, workspace: Workspace, source: Workspace) -> None:
    path = f"workspaces/{source.pk}/current-state-version"
    sentence = refusal(run.call("GET", path))
    assert "globalRemoteState" in sentence
    assert "sharedIds" in sentence
    Workspace.objects.filter(pk=source.pk).update(shared_ids=str(workspace.pk))
    assert run.call("GET", path)[0] == 200


def test_a_run_reads_its_own_state(run: Run, workspace: Workspace) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(global_remote_state=False)
    assert run.call("GET", f"workspaces/{workspace.pk}/current-state-version")[0] == 404
    assert run.call("GET", f"workspaces/{workspace.pk}/state-versions")[0] == 200


def test_another_organization_is_not_there(run: Run, source: Workspace) -> None:
    other = WorkspaceFactory.create(organization=OrganizationFactory.create(name="far"), global_remote_state=True)
    assert run.call("GET", f"workspaces/{other.pk}/current-state-version")[0] == 404
    assert run.call("GET", "organizations/far/entitlement-set")[0] == 404
    assert run.call("GET", "organizations/net")[0] == 404


def test_a_run_changes_nothing(run: Run, workspace: Workspace, source: Workspace) -> None:
    Workspace.objects.update(global_remote_state=True)
    made = {"data": {"type": "workspaces", "attributes": {"name": "made"}}}
    for key in (workspace.pk, source.pk):
        assert "changes nothing" in refusal(run.call("POST", f"workspaces/{key}/actions/lock"))
        assert "changes nothing" in refusal(run.call("POST", f"workspaces/{key}/state-versions", inline(state_of(2))))
    assert "changes nothing" in refusal(run.call("POST", "organizations/net/workspaces", made))
    assert run.call("GET", f"workspaces/{source.pk}/vars")[0] == 404


def test_the_token_ends_with_its_attempt_and_is_good_here_alone(
    run: Run, attempt: Attempt, workspace: Workspace
) -> None:
    path = f"workspaces/{workspace.pk}/state-versions"
    rest = Api(run.api.token)
    assert rest.get("organization").status_code == 401
    wrong = Api(f"tkrun.{attempt.pk.hex}.{claim_token(attempt)}", prefix="/remote/tfe/v2/")
    assert wrong.get(path).status_code == 401
    assert run.call("GET", path)[0] == 200
    Attempt.objects.filter(pk=attempt.pk).update(state=AttemptState.ENDED)
    assert run.call("GET", path)[0] == 401


def test_a_step_is_given_the_token_for_the_sites_host_and_masks_it(attempt: Attempt, settings: Any) -> None:
    settings.PUBLIC_URL = "http://site.example.com"
    assert host_tokens(attempt) == {}
    settings.PUBLIC_URL = "https://tk-1.example.com:8443"
    answer = claim_answer(attempt)
    assert answer["hostTokens"] == {"tk-1.example.com:8443": state_token(attempt)}
    assert state_token(attempt) in answer["sensitive"]


def test_terraform_finds_the_token_unless_the_workspace_sets_one() -> None:
    environment = {"A": "b"}
    add_host_tokens(environment, {"tk-1.example.com": "token"})
    assert environment == {"A": "b", "TF_TOKEN_tk__1_example_com": "token"}
    for own in ("TF_TOKEN_tk__1_example_com", "TF_TOKEN_tk-1.example.com", "TF_TOKEN_TK-1_example_com"):
        environment = {own: "own"}
        add_host_tokens(environment, {"tk-1.example.com": "token"})
        assert environment == {own: "own"}
