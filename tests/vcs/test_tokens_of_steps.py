"""A step gets a valid token when it claims, and another one when git was refused; nobody else gets one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from executors.attempts import lifecycle
from executors.attempts.handover import claim_answer, job_data, sensitive_texts, terrakube_job_data
from executors.attempts.source_access import SourceAccess
from executors.attempts.tokens import claim_token
from executors.choices import ExecutorKind
from executors.launching.errors import LaunchError
from executors.launching.imported_commands import _access as access_of_commands
from executors.launching.terrakube_image import prepare_launch
from executors.models import Attempt
from executors.preflight.subject import stored_subject
from tests.factories import PLAN_AND_APPLY, WorkspaceFactory
from tests.vcs.connections import SOURCE, app_connection, connection, expiring, in_minutes
from tests.vcs.fake_api import FakeApi, Told
from tests.vcs.test_tokens_of_an_app import FIND, MINT, READING, minted
from vcs.models import InstallationToken
from workspaces import flows
from workspaces.choices import ConnectionType, VcsType
from workspaces.jobs import transitions
from workspaces.models import Ssh, Vcs, Workspace
from workspaces.services import jobs
from workspaces.variables.in_force import step_inputs

pytestmark = pytest.mark.django_db
SESSION = "s" * 43
NEXT = {"access_token": "new", "refresh_token": "refresh-2", "expires_in": 7200}


@pytest.fixture
def github(api: FakeApi) -> FakeApi:
    api.answers |= {FIND: Told(data={"id": 7}), MINT: minted()}
    return api


def workspace_with(vcs: Vcs, **columns: Any) -> Workspace:
    made = WorkspaceFactory.create(organization=vcs.organization, source=SOURCE, branch="main", **columns)
    Workspace.objects.filter(pk=made.pk).update(vcs=vcs)
    made.refresh_from_db()
    return made


def launched(vcs: Vcs, *, workspace: Workspace | None = None, **columns: Any) -> Attempt:
    job = jobs.create_job(workspace or workspace_with(vcs), by=None, tcl=PLAN_AND_APPLY, **columns)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    attempt = lifecycle.open_attempt(step_id, executor=ExecutorKind.LOCAL)
    assert attempt is not None
    lifecycle.mark_launched(attempt, host="here")
    return attempt


def post(path: str, token: str, body: Any = None) -> HttpResponse:
    sent = json.dumps(body or {})
    headers = {"Authorization": f"Bearer {token}"}
    return Client().post(path, sent, content_type="application/json", headers=headers)  # type: ignore[return-value]


def claimed(vcs: Vcs, **given: Any) -> tuple[Attempt, dict[str, Any]]:
    attempt = launched(vcs, **given)
    response = post(f"/executor/v1/attempts/{attempt.pk}/claim", claim_token(attempt), {"session": SESSION})
    assert response.status_code == 200, response.content
    return attempt, json.loads(response.content)


def own(attempt: Attempt) -> str:
    return f"/executor/v1/attempts/{attempt.pk}/source-token"


def terrakubes(attempt: Attempt) -> str:
    return f"/vcs-token/v1/{attempt.step.job_id}/refresh"


def test_a_token_is_minted_at_the_claim_and_not_before(github: FakeApi) -> None:
    attempt = launched(app_connection(github))
    assert github.asked == []
    answer = claim_answer(attempt)
    assert answer["jobData"]["accessToken"] == "ghs_1"
    assert (answer["jobData"]["vcsType"], answer["jobData"]["connectionType"]) == ("GITHUB", "STANDALONE")
    assert "ghs_1" in answer["sensitive"]
    assert github.asked[1].body == {"repositories": ["network"], "permissions": READING}
    # What is masked for an image that does not mask itself, without asking anybody.
    assert "ghs_1" in sensitive_texts(attempt)
    assert len(github.asked) == 2


def test_a_repeated_claim_gets_the_same_token(github: FakeApi) -> None:
    attempt, first = claimed(app_connection(github))
    again = post(f"/executor/v1/attempts/{attempt.pk}/claim", claim_token(attempt), {"session": SESSION})
    assert json.loads(again.content)["jobData"]["accessToken"] == first["jobData"]["accessToken"] == "ghs_1"
    assert len(github.asked) == 2


def test_an_upload_needs_no_token(github: FakeApi) -> None:
    attempt = launched(app_connection(github))
    Workspace.objects.update(branch="remote-content")
    assert claim_answer(attempt)["jobData"]["accessToken"] is None
    assert github.asked == []


def test_a_connection_in_trouble_hinders_no_claim(github: FakeApi) -> None:
    github.answers[FIND] = Told(404)
    attempt, answer = claimed(app_connection(github))
    assert answer["jobData"]["accessToken"] is None
    response = post(own(attempt), SESSION)
    assert response.status_code == 409
    [error] = json.loads(response.content)["errors"]
    assert error["detail"].startswith("The App is not installed for acme/network.")
    assert error["detail"] == error["format"].format(**error["values"])
    assert (error["code"], error["retryAfter"]) == ("no-token", None)


@pytest.mark.parametrize("address", [own, terrakubes], ids=["of-the-attempt", "of-terrakube"])
def test_a_running_step_gets_another_token(github: FakeApi, address: Any) -> None:
    attempt, _ = claimed(app_connection(github))
    InstallationToken.objects.update(minted_at=in_minutes(-5))
    github.answers[MINT] = minted("ghs_2")
    response = post(address(attempt), SESSION)
    assert (response.status_code, json.loads(response.content)) == (200, {"token": "ghs_2"})


def test_an_oauth_token_is_renewed_for_a_running_step(api: FakeApi) -> None:
    attempt, answer = claimed(expiring(api, token_expiration=in_minutes(60)))
    assert answer["jobData"]["accessToken"] == "old"
    api.answers["POST /oauth/token"] = Told(data=NEXT)
    assert json.loads(post(own(attempt), SESSION).content) == {"token": "new"}


def test_a_provider_that_is_away_is_asked_again(api: FakeApi) -> None:
    attempt, _ = claimed(expiring(api, token_expiration=in_minutes(60)))
    api.answers["POST /oauth/token"] = Told(503)
    [error] = json.loads(post(own(attempt), SESSION).content)["errors"]
    assert error["retryAfter"] == 5


@pytest.mark.parametrize("address", [own, terrakubes], ids=["of-the-attempt", "of-terrakube"])
def test_no_other_caller_gets_a_token(github: FakeApi, address: Any) -> None:
    attempt, _ = claimed(app_connection(github))
    before = len(github.asked)
    for token in ("x" * 43, claim_token(attempt), ""):
        assert post(address(attempt), token).status_code in {401, 403}
    Attempt.objects.filter(pk=attempt.pk).update(state="ended")
    assert post(address(attempt), SESSION).status_code in {401, 410}
    assert len(github.asked) == before


def test_a_source_without_a_connection_has_no_token(api: FakeApi) -> None:
    attempt, _ = claimed(connection(api, VcsType.PUBLIC))
    for address in (own, terrakubes):
        response = post(address(attempt), SESSION)
        assert response.status_code == 409
        assert json.loads(response.content)["errors"][0]["code"] == "no-connection"


def test_an_unknown_job_has_no_token(db: None) -> None:
    assert post("/vcs-token/v1/4711/refresh", SESSION).status_code == 401


def test_terrakubes_image_gets_a_token_that_lasts_until_its_pod_starts(github: FakeApi) -> None:
    step = launched(app_connection(github)).step
    inputs = step_inputs(step.job, flows.from_json(step.flow))
    assert terrakube_job_data(step, inputs).access_token == "ghs_1"
    InstallationToken.objects.update(expires_at=in_minutes(49))
    github.answers[MINT] = minted("ghs_2")
    assert terrakube_job_data(step, inputs).access_token == "ghs_2"


@pytest.mark.parametrize(
    ("access", "kind"),
    [
        pytest.param(SourceAccess("GITEA", "OAUTH", "t"), "GITLAB", id="gitea"),
        pytest.param(SourceAccess("AZURE_SP_MI", "STANDALONE", "t"), "AZURE_DEVOPS", id="service-principal"),
        pytest.param(SourceAccess("AZURE_SP_MI", "STANDALONE"), "AZURE_SP_MI", id="managed-identity"),
        pytest.param(SourceAccess("GITHUB", "OAUTH", "t"), "GITHUB", id="github"),
    ],
)
def test_terrakubes_image_logs_in_as_to_a_provider_that_it_knows(access: SourceAccess, kind: str) -> None:
    assert access.for_terrakube() == SourceAccess(kind, access.connection_type, access.token)


def test_the_site_itself_reads_with_a_valid_token(github: FakeApi) -> None:
    vcs = app_connection(github)
    found = stored_subject(workspace_with(vcs)).access
    assert found is not None
    assert found.login() == ("x-access-token", "ghs_1")
    step = launched(vcs).step
    there = SOURCE.replace("https://github.com", vcs.endpoint or "")
    wanted = flows.ImportCommands(repository=there, branch="main", folder="/", vcs_id=str(vcs.pk))
    assert access_of_commands(step, wanted).access_token == "ghs_1"


@pytest.mark.parametrize("how", [ConnectionType.OAUTH, ConnectionType.STANDALONE])
def test_a_stored_token_is_handed_over_as_ever(api: FakeApi, how: ConnectionType) -> None:
    _, answer = claimed(connection(api, VcsType.GITHUB, connection_type=how, access_token="ghp_1"))
    assert answer["jobData"]["accessToken"] == "ghp_1"
    assert api.asked == []


# ---- code of a fork -------------------------------------------------------------------------------------------------


def test_a_fork_gets_a_token_that_reads_its_repository_alone(github: FakeApi) -> None:
    vcs = app_connection(github, all_repositories=True)
    attempt, answer = claimed(vcs, from_fork=True)
    assert answer["jobData"]["accessToken"] == "ghs_1"
    assert (answer["fetchOnly"], answer["fetchToken"]) == (False, None)
    assert github.asked[1].body == {"repositories": ["network"], "permissions": READING}
    InstallationToken.objects.update(minted_at=in_minutes(-5))
    github.answers[MINT] = minted("ghs_2")
    assert json.loads(post(own(attempt), SESSION).content) == {"token": "ghs_2"}
    assert github.asked[-1].body == {"repositories": ["network"], "permissions": READING}
    # Other steps still read all of them.
    claim_answer(launched(vcs))
    assert github.asked[-1].body == {"permissions": READING}


@pytest.mark.parametrize("kind", [VcsType.GITHUB, VcsType.GITLAB, VcsType.GITEA])
def test_a_fork_is_fetched_with_a_token_that_is_in_no_job_data(api: FakeApi, kind: VcsType) -> None:
    vcs = connection(api, kind, access_token="of-a-person")
    attempt, answer = claimed(vcs, from_fork=True)
    assert answer["jobData"]["accessToken"] is None
    assert (answer["fetchOnly"], answer["fetchToken"]) == (True, "of-a-person")
    assert "of-a-person" in answer["sensitive"]
    step = attempt.step
    inputs = step_inputs(step.job, flows.from_json(step.flow))
    for data in (job_data(step, inputs, control_keys=True), terrakube_job_data(step, inputs)):
        assert data.access_token is None
    # Whoever would keep it gets no other one; our executor does while it fetches.
    for address in (own, terrakubes):
        response = post(address(attempt), SESSION)
        [error] = json.loads(response.content)["errors"]
        assert (response.status_code, error["code"]) == (409, "no-token")
        assert "has no tokens for one repository alone" in error["detail"]
    asked = {"fetchOnly": True}
    assert json.loads(post(own(attempt), SESSION, asked).content) == {"token": "of-a-person"}
    Attempt.objects.update(phase="init")
    assert post(own(attempt), SESSION, asked).status_code == 409
    assert post(terrakubes(attempt), SESSION, asked).status_code == 409


def test_a_fork_gets_no_key_for_modules_and_no_shared_states(api: FakeApi, settings: Any) -> None:
    settings.PUBLIC_URL = "https://site.example"
    vcs = connection(api, VcsType.GITLAB, access_token="t")
    key = Ssh.objects.create(organization=vcs.organization, name="m", description="m", private_key="MODULE-KEY")
    workspace = workspace_with(vcs, module_ssh_key=key)
    ours = claim_answer(launched(vcs, workspace=workspace))
    assert ours["jobData"]["moduleSshKey"] == "MODULE-KEY"
    assert "site.example" in ours["hostTokens"]
    theirs = claim_answer(launched(vcs, workspace=workspace, from_fork=True))
    assert theirs["jobData"]["moduleSshKey"] is None
    assert theirs["hostTokens"] == {}
    assert not {"MODULE-KEY", *ours["hostTokens"].values()} & set(theirs["sensitive"])


def test_terrakubes_image_does_not_run_a_fork(api: FakeApi) -> None:
    attempt = launched(connection(api, VcsType.GITLAB, access_token="t"), from_fork=True)
    with pytest.raises(LaunchError) as caught:
        prepare_launch(attempt, attempt.step)
    assert caught.value.why.code == "fork-refused"
    assert not caught.value.retryable
