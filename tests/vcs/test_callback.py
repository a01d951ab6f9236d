"""The callback of OAuth: a code becomes a token once, for a connection that waits for one or from our own page."""

from __future__ import annotations

import base64
import datetime as dt
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone

from tests.vcs.connections import SECRET, connection, expiring, in_minutes
from tests.vcs.fake_api import FakeApi, Told
from vcs.connections.callback import page_to_connect
from vcs.connections.problems import kept_problem
from workspaces.choices import VcsStatus, VcsType
from workspaces.models import Vcs

pytestmark = pytest.mark.django_db
GRANT = {"access_token": "new", "refresh_token": "refresh-1", "expires_in": 7200}
CALLBACK = "https://terrakube.example/callback/v1/vcs/{}"
CLIENT = {"client_id": "client-1", "client_secret": SECRET}
CODE = {"grant_type": "authorization_code", "code": "c0de"}
EXCHANGES: dict[str, tuple[VcsType, str, dict[str, str]]] = {
    "github": (VcsType.GITHUB, "POST /login/oauth/access_token", {**CLIENT, "code": "c0de"}),
    "gitlab": (VcsType.GITLAB, "POST /oauth/token", {**CLIENT, **CODE, "redirect_uri": CALLBACK}),
    "gitea": (VcsType.GITEA, "POST /login/oauth/access_token", {**CLIENT, **CODE, "redirect_uri": CALLBACK}),
    "bitbucket": (VcsType.BITBUCKET, "POST /site/oauth2/access_token", CODE),
    "azure": (
        VcsType.AZURE_DEVOPS,
        "POST /oauth2/token",
        {
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": SECRET,
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": "c0de",
            "redirect_uri": CALLBACK,
        },
    ),
}


def come_back(vcs: Vcs, client: Client | None = None, name: str = "", **query: str) -> Any:
    return (client or Client()).get(f"/callback/v1/vcs/{name or vcs.pk}", {"code": "c0de", **query})


def waiting(api: FakeApi, kind: VcsType = VcsType.GITLAB, **columns: Any) -> Vcs:
    return connection(api, kind, **{"status": VcsStatus.PENDING, **columns})


def aged(vcs: Vcs, minutes: float) -> None:
    Vcs.objects.filter(pk=vcs.pk).update(updated_date=in_minutes(-minutes))


@pytest.mark.parametrize(("kind", "line", "form"), EXCHANGES.values(), ids=EXCHANGES)
def test_a_code_becomes_a_token(api: FakeApi, kind: VcsType, line: str, form: dict[str, str]) -> None:
    vcs = waiting(api, kind)
    api.answers[line] = Told(data=GRANT)
    response = come_back(vcs)
    assert (response.status_code, response.content) == (200, b"Connected")
    [asked] = api.asked
    assert asked.body == {name: text.format(vcs.pk) for name, text in form.items()}
    assert asked.headers["accept"] == "application/json"
    if kind == VcsType.BITBUCKET:
        assert asked.headers["authorization"] == "Basic " + base64.b64encode(f"client-1:{SECRET}".encode()).decode()
    vcs.refresh_from_db()
    assert (vcs.access_token, vcs.refresh_token, vcs.status) == ("new", "refresh-1", VcsStatus.COMPLETED)
    assert vcs.token_expiration is not None
    assert vcs.token_expiration - timezone.now() > dt.timedelta(minutes=119)


def test_the_id_that_a_client_chose_for_the_address_counts_first(api: FakeApi) -> None:
    vcs = waiting(api, callback="chosen-by-a-client", redirect_url="https://panel.example/organizations")
    api.answers["POST /oauth/token"] = Told(data=GRANT)
    response = come_back(vcs, name="chosen-by-a-client")
    assert (response.status_code, response["Location"]) == (302, "https://panel.example/organizations")
    assert api.asked[0].body["redirect_uri"] == CALLBACK.format("chosen-by-a-client")


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "//evil.example"])
def test_a_browser_is_sent_to_pages_alone(api: FakeApi, address: str) -> None:
    vcs = waiting(api, redirect_url=address)
    api.answers["POST /oauth/token"] = Told(data=GRANT)
    assert come_back(vcs).content == b"Connected"


def test_a_refused_code_is_answered_200_and_shown_on_the_page(api: FakeApi, caplog: pytest.LogCaptureFixture) -> None:
    vcs = waiting(api)
    api.answers["POST /oauth/token"] = Told(400, {"error": "invalid_grant", "error_description": "Bad code c0de"})
    response = come_back(vcs)
    assert response.status_code == 200
    assert "refuses a new token (400: Bad code …)" in response.content.decode()
    vcs.refresh_from_db()
    assert vcs.status == VcsStatus.ERROR
    assert "Bad code …" in (kept_problem(vcs) or "")
    assert "c0de" not in caplog.text


def test_nothing_is_exchanged_without_a_code(api: FakeApi) -> None:
    vcs = waiting(api)
    queries: tuple[dict[str, Any], ...] = ({"code": ""}, {"code": "x" * 3000}, {"error": "access_denied"})
    for query in queries:
        assert come_back(vcs, **query).status_code == 200
    assert b"<" not in come_back(vcs, error="<script>").content
    assert api.asked == []


def test_a_token_that_works_is_not_replaced_by_anybody(api: FakeApi) -> None:
    vcs = expiring(api, token_expiration=in_minutes(60))
    assert come_back(vcs).status_code == 409
    vcs.refresh_from_db()
    assert (vcs.access_token, api.asked) == ("old", [])


def test_a_code_without_state_is_taken_for_an_hour(api: FakeApi) -> None:
    vcs = waiting(api)
    api.answers["POST /oauth/token"] = Told(data=GRANT)
    aged(vcs, 61)
    assert come_back(vcs).status_code == 409
    aged(vcs, 59)
    assert come_back(vcs).status_code == 200


def test_unknown_and_public_connections_have_no_callback(api: FakeApi) -> None:
    public = connection(api, VcsType.PUBLIC)
    assert come_back(public).status_code == 404
    for name in ("nothing", "11111111-1111-1111-1111-111111111111", "%00"):
        assert come_back(public, name=name).status_code in {400, 404}


def page(client: Client, vcs: Vcs) -> dict[str, str]:
    """What the page at the provider is told, for a browser that our page sends there."""
    request = HttpRequest()
    request.session = client.session
    address = page_to_connect(request, vcs)
    request.session.save()
    return {name: texts[0] for name, texts in parse_qs(urlsplit(address).query).items()}


def test_our_page_connects_again_from_the_same_browser_once(api: FakeApi) -> None:
    client, vcs = Client(), expiring(api, token_expiration=in_minutes(60))
    api.answers["POST /oauth/token"] = Told(data={**GRANT, "refresh_token": "refresh-9"})
    sent = page(client, vcs)
    assert (sent["client_id"], sent["redirect_uri"], sent["scope"]) == ("client-1", CALLBACK.format(vcs.pk), "api")
    assert come_back(vcs, state=sent["state"]).status_code == 409
    assert come_back(vcs, client, state=sent["state"]).status_code == 200
    assert come_back(vcs, client, state=sent["state"]).status_code == 409
    vcs.refresh_from_db()
    assert (vcs.refresh_token, len(api.asked)) == ("refresh-9", 1)


def test_a_state_is_for_one_connection_and_ten_minutes(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    client, vcs = Client(), waiting(api)
    other = waiting(api, name="other")
    state = page(client, vcs)["state"]
    assert come_back(other, client, state=state).status_code == 409
    assert come_back(vcs, client, state=f"{state}x").status_code == 409
    late = time.time() + 601
    monkeypatch.setattr("django.core.signing.time.time", lambda: late)
    assert come_back(vcs, client, state=state).status_code == 409
    assert api.asked == []


def test_a_code_that_was_made_up_does_not_hold_up_the_renewal(api: FakeApi) -> None:
    vcs = expiring(api, status=VcsStatus.ERROR)
    api.answers["POST /oauth/token"] = Told(400, {"error": "invalid_grant"})
    assert come_back(vcs).status_code == 200
    vcs.refresh_from_db()
    assert (vcs.next_try_at, vcs.failed_tries, vcs.access_token) == (None, 0, "old")
