"""What is beside /api/v1: health, discovery, indexes of releases, logs, states, uploads."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client
from django.utils import timezone
from pytest_django import Settings

from executors.choices import AttemptState, ExecutorKind
from executors.health import heartbeats
from executors.installation import tool_releases
from executors.models import Attempt, Beat, LogChunk
from terrakube_site.env import SettingError
from tests.api.client import MEDIA_TYPE, Api, token_of
from tests.factories import TeamFactory
from tests.support.loopback import LoopbackServer, QuietHandler
from workspaces.jobs import transitions
from workspaces.models import ConfigurationVersion, Job, SavedPlan, StateVersion, Template, Workspace
from workspaces.services.jobs import create_job

# ---- health ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_process_that_answers_is_up(client: Client) -> None:
    assert client.get("/actuator/health").json() == {"status": "UP", "groups": ["liveness", "readiness"]}
    assert client.get("/actuator/health/liveness").json() == {"status": "UP"}
    assert client.get("/actuator/health/nosuch").status_code == 404
    assert client.get("/actuator/env").status_code == 404


@pytest.mark.django_db
def test_readiness_tells_which_part_shows_no_sign_of_life(client: Client) -> None:
    heartbeats.write_heartbeat(heartbeats.WATCHER)
    response = client.get("/actuator/health/readiness")
    assert response.status_code == 503
    assert response.json()["components"].keys() == {"queue"}
    heartbeats.write_heartbeat(heartbeats.WORKER)
    response = client.get("/actuator/health/readiness")
    assert (response.status_code, response.json()) == (200, {"status": "UP"})
    old = timezone.now() - dt.timedelta(seconds=heartbeats.STALE_SECONDS + 1)
    Beat.objects.filter(name=heartbeats.WATCHER).update(at=old)
    assert client.get("/actuator/health/readiness").json()["components"].keys() == {"watcher"}


# ---- discovery ------------------------------------------------------------------------------------------------------


def test_terraform_finds_the_cloud_protocol_and_a_login_whoever_signs_users_in(
    client: Client, settings: Settings
) -> None:
    settings.OIDC_ISSUER = ""
    found = client.get("/.well-known/terraform.json").json()
    assert found.pop("login.v1") == {
        "client": "terraform-cli",
        "grant_types": ["authz_code"],
        "authz": "/sign-in/terminal/authorize",
        "token": "/sign-in/terminal/token",
        "ports": [10000, 10010],
    }
    assert found == dict.fromkeys(("tfe.v2", "tfe.v2.1", "tfe.v2.2", "state.v2"), "/remote/tfe/v2/")
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID = "https://dex.example/dex", "terrakube"
    assert client.get("/.well-known/terraform.json").json()["login.v1"]["client"] == "terraform-cli"


# ---- indexes of releases --------------------------------------------------------------------------------------------


class Upstream(LoopbackServer):
    """A server of release indexes on the loopback; ``status`` and ``content`` are what it answers."""

    def __init__(self) -> None:
        self.status, self.content, self.asked = 200, b'{"name":"terraform","versions":{}}', 0
        self.headers: dict[str, str] = {}
        upstream = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:
                upstream.asked += 1
                upstream.headers = dict(self.headers.items())
                self.send_response(upstream.status)
                self.end_headers()
                self.wfile.write(upstream.content)

        super().__init__(Handler)
        self.address = f"{self.url}/index.json"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    upstream = Upstream()
    yield upstream
    upstream.stop()


def index_of(upstream: Upstream, folder: Path) -> tool_releases.Index:
    source = tool_releases.read_source({"CustomTerraformReleasesUrl": upstream.address}, "terraform")
    return tool_releases.Index(source, folder)


def test_an_index_is_asked_for_once_and_kept(upstream: Upstream, tmp_path: Path) -> None:
    index = index_of(upstream, tmp_path)
    assert index.read() == index.read() == upstream.content
    assert upstream.asked == 1
    # Another process takes up the copy.
    assert index_of(upstream, tmp_path).read() == upstream.content
    assert upstream.asked == 1


@pytest.mark.parametrize(("status", "content"), [(500, b"{}"), (200, b"<html>"), (200, b"5")])
def test_an_old_copy_serves_while_the_source_fails(
    upstream: Upstream, tmp_path: Path, status: int, content: bytes
) -> None:
    index = index_of(upstream, tmp_path)
    good = index.read()
    upstream.status, upstream.content = status, content
    index.fetched_at = index.tried_at = 0
    assert index.read() == good
    assert index.read() == good
    assert upstream.asked == 2
    with pytest.raises(tool_releases.Unavailable):
        index_of(upstream, tmp_path / "empty").read()


def test_a_closed_network_has_a_file(tmp_path: Path) -> None:
    file = tmp_path / "index.json"
    file.write_text('[{"name": "v1.8.0", "assets": []}]')
    for text in (str(file), f"file://{file}"):
        index = tool_releases.Index(tool_releases.read_source({"CustomTofuReleasesUrl": text}, "tofu"), tmp_path)
        assert json.loads(index.read())[0]["name"] == "v1.8.0"
    gone = tool_releases.Index(tool_releases.Source(name="tofu", file=tmp_path / "gone.json"), tmp_path)
    with pytest.raises(tool_releases.Unavailable, match="cannot be read"):
        gone.read()


@pytest.mark.parametrize("text", ["ftp://a.example/x", "index.json", "http://", "file://index.json"])
def test_a_source_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(SettingError, match="CustomTerraformReleasesUrl"):
        tool_releases.read_source({"CustomTerraformReleasesUrl": text}, "terraform")


def test_the_indexes_are_open_and_say_when_they_cannot_be_had(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "index.json"
    source = tool_releases.Source(name="terraform", file=file)
    monkeypatch.setattr(tool_releases, "release_index", lambda name: tool_releases.Index(source, tmp_path))
    assert client.get("/tofu/index.json").status_code == 503
    file.write_text('{"versions": {}}')
    response = client.get("/terraform/index.json")
    assert (response.status_code, response.json()) == (200, {"versions": {}})


# ---- logs, states and plans -----------------------------------------------------------------------------------------


@pytest.fixture
def job(workspace: Workspace, template: Template) -> Job:
    job = create_job(workspace, by=None, template=template)
    transitions.advance(job.pk)
    return job


def test_a_step_names_the_address_of_its_log_which_is_empty_and_then_grows(
    owner: Api, stranger: Api, job: Job, settings: Settings
) -> None:
    step = job.steps.all()[0]
    address = owner.read(f"step/{step.pk}")["data"]["attributes"]["output"]
    path = address.removeprefix(settings.PUBLIC_URL)
    assert path == f"/tfoutput/v1/organization/{job.organization_id}/job/{job.pk}/step/{step.pk}"
    caller = Api(owner.token, prefix="")
    response = caller.get(path)
    assert (response.status_code, response.content) == (200, b"")
    attempt = Attempt.objects.create(
        step=step,
        number=1,
        executor=ExecutorKind.LOCAL,
        state=AttemptState.CLAIMED,
        created_at=timezone.now(),
        not_before=timezone.now(),
        log_size=10,
    )
    LogChunk.objects.create(attempt=attempt, offset=0, size=6, data=b"hello\n")
    LogChunk.objects.create(attempt=attempt, offset=6, size=4, data=b"you\n")
    response = caller.get(path)
    assert response["Content-Type"] == "application/octet-stream"
    assert b"".join(response) == b"hello\nyou\n"
    assert Api(stranger.token, prefix="").get(path).status_code == 404
    assert Api(prefix="").get(path).status_code == 401


def test_states_and_plans_are_opened_by_the_right_manage_state(
    owner: Api, reader: Api, stranger: Api, workspace: Workspace, job: Job, settings: Settings
) -> None:
    state = StateVersion.objects.create(
        workspace=workspace, job=job, number=1, content=b'{"serial":1}', json=b'{"values":{"outputs":{}}}'
    )
    step = job.steps.all()[0]
    SavedPlan.objects.create(step=step, content=b"plan")
    history = f"organization/{workspace.organization_id}/workspace/{workspace.pk}/history"
    found = owner.read(f"{history}?sort=-createdDate")["data"][0]
    assert found["attributes"]["jobReference"] == str(job.pk)
    output = found["attributes"]["output"].removeprefix(settings.PUBLIC_URL)
    base = f"/tfstate/v1/organization/{workspace.organization_id}/workspace/{workspace.pk}"
    assert output == f"{base}/state/{state.pk}.json"
    answers = {
        output: b'{"values":{"outputs":{}}}',
        f"{base}/state/terraform.tfstate": b'{"serial":1}',
        f"{base}/jobId/{job.pk}/step/{step.pk}/terraform.tfstate": b"plan",
    }
    TeamFactory.create(organization=workspace.organization, name="STATES", manage_state=True)
    states = Api(token_of("STATES"), prefix="")
    for path, content in answers.items():
        response = states.get(path)
        assert (response.status_code, response.content) == (200, content)
        assert Api(reader.token, prefix="").get(path).status_code == 403
        assert Api(stranger.token, prefix="").get(path).status_code == 404
        assert Api(prefix="").get(path).status_code == 401
    missing = "00000000-0000-0000-0000-000000000000"
    assert states.get(f"{base}/state/{missing}.json").status_code == 404


# ---- uploads --------------------------------------------------------------------------------------------------------


def test_a_source_is_uploaded_once_to_the_address_that_was_made_for_it_and_run(
    owner: Api, reader: Api, stranger: Api, workspace: Workspace, template: Template, settings: Settings
) -> None:
    path = f"/remote/tfe/v2/workspaces/{workspace.pk}/configuration-versions"
    sent = {"data": {"type": "configuration-versions", "attributes": {"auto-queue-runs": False}}}
    assert Api(reader.token, prefix="").call("POST", path, sent).status_code == 403
    assert Api(stranger.token, prefix="").call("POST", path, sent).status_code == 404
    caller = Api(owner.token, prefix="")
    response = caller.call("POST", path, sent)
    assert response.status_code == 201
    data = json.loads(response.content)["data"]
    assert data["attributes"]["status"] == "pending"
    upload = data["attributes"]["upload-url"].removeprefix(settings.PUBLIC_URL)
    one = f"/remote/tfe/v2/configuration-versions/{data['id']}"
    archive = gzip.compress(b"as if it were a tar")

    def put(to: str, content: bytes = archive) -> int:
        return caller.client.put(to, content, content_type="application/octet-stream").status_code

    assert put(one) == 403
    assert put(f"{one}?token=forged") == 403
    assert put(upload, b"no archive") == 400
    assert put(upload) == 200
    # A client that lost the answer sends the same again.
    assert put(upload) == 200
    assert put(upload, gzip.compress(b"another")) == 409
    assert json.loads(caller.get(one).content)["data"]["attributes"]["status"] == "uploaded"
    assert Api(stranger.token, prefix="").get(one).status_code == 404
    assert bytes(ConfigurationVersion.objects.get().content or b"") == archive

    jobs, related = f"organization/{workspace.organization_id}/job", {"workspace": ("workspace", workspace.pk)}
    source = f"{settings.PUBLIC_URL}{one}/terraformContent.tar.gz"
    attributes = {"templateReference": str(template.pk), "overrideSource": source}
    made = owner.made(jobs, "job", attributes, related)
    assert made["attributes"]["overrideSource"] == source
    wrong = attributes | {"overrideSource": "https://elsewhere.example/x.tar.gz"}
    assert owner.post(jobs, "job", wrong, related).status_code == 400


def test_an_upload_over_the_limit_is_413(owner: Api, workspace: Workspace, settings: Settings) -> None:
    settings.MAX_SOURCE_BYTES = 100
    path = f"/remote/tfe/v2/workspaces/{workspace.pk}/configuration-versions"
    response = Api(owner.token, prefix="").call("POST", path, {"data": {}})
    upload = json.loads(response.content)["data"]["attributes"]["upload-url"].removeprefix(settings.PUBLIC_URL)
    sent = owner.client.put(upload, b"\x1f\x8b" + b"a" * 100, content_type=MEDIA_TYPE)
    assert sent.status_code == 413


# ---- a log as it grows ----------------------------------------------------------------------------------------------


async def _events(client: AsyncClient, path: str, token: str, **headers: str) -> str:
    response: Any = await client.get(path, headers={"Authorization": f"Bearer {token}", **headers})
    assert response.status_code == 200
    assert response["Content-Type"] == "text/event-stream"
    return b"".join([part async for part in response]).decode()


@pytest.mark.django_db(transaction=True)
def test_a_log_is_followed_in_whole_lines_and_from_where_it_broke_off(owner: Api, stranger: Api, job: Job) -> None:
    step = job.steps.all()[0]
    base = f"/tfoutput/v1/organization/{job.organization_id}/job/{job.pk}/step/{step.pk}"
    client = AsyncClient()

    def ask(**headers: str) -> str:
        return async_to_sync(_events)(client, f"{base}/stream", owner.token, **headers)

    assert ask() == "retry: 1000\n\n"
    now = timezone.now()
    text = "Plan: 1 to add\r\nDurée: 3 s\nno end".encode()
    cut = text.index("é".encode()) + 1
    attempt = Attempt.objects.create(
        step=step,
        number=1,
        executor=ExecutorKind.LOCAL,
        state=AttemptState.ENDED,
        created_at=now,
        not_before=now,
        ended_at=now,
        cleaned_at=now,
        log_size=len(text),
    )
    LogChunk.objects.create(attempt=attempt, offset=0, size=cut, data=text[:cut])
    LogChunk.objects.create(attempt=attempt, offset=cut, size=len(text) - cut, data=text[cut:])
    lines = ask()
    assert "data: Plan: 1 to add\n" in lines
    assert "data: Durée: 3 s\n" in lines
    assert lines.endswith(f"id: {len(text)}\ndata: no end\n\nevent: over\ndata: {{}}\n\n")
    known = len("Plan: 1 to add\r\n")
    again = ask(**{"Last-Event-ID": str(known)})
    assert "Plan" not in again
    assert "data: Durée: 3 s\n" in again
    assert Api(stranger.token, prefix="").get(f"{base}/stream").status_code == 404
    assert Api(prefix="").get(f"{base}/stream").status_code == 401
