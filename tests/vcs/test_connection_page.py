"""The page of a connection: addresses to paste, a way to the provider, a trial in a sentence, and the last problem."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from tests.factories import TeamFactory, UserFactory
from tests.vcs.connections import SECRET, SOURCE, app_connection, connection, expiring, in_minutes
from tests.vcs.fake_api import FakeApi, Told
from tests.vcs.test_tokens_of_an_app import FIND, MINT, minted
from vcs.connections.trying import try_connection
from workspaces.choices import ConnectionType, VcsStatus, VcsType
from workspaces.models import Vcs

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin_page(client: Client) -> Client:
    client.force_login(UserFactory.create(is_superuser=True, is_staff=True))
    return client


def page(client: Client, vcs: Vcs) -> str:
    response = client.get(reverse("admin:workspaces_vcs_change", args=[vcs.pk]))
    assert response.status_code == 200
    return response.content.decode()


def press(client: Client, vcs: Vcs, name: str, **data: str) -> Any:
    return client.post(reverse(f"admin:workspaces_vcs_{name}", args=[vcs.pk]), data)


KINDS: dict[str, tuple[VcsType, ConnectionType, str]] = {
    "github-app": (VcsType.GITHUB, ConnectionType.STANDALONE, "/settings/apps/new"),
    "github-oauth": (VcsType.GITHUB, ConnectionType.OAUTH, "/settings/applications/new"),
    "gitlab": (VcsType.GITLAB, ConnectionType.OAUTH, "/-/user_settings/applications"),
    "bitbucket": (VcsType.BITBUCKET, ConnectionType.OAUTH, "OAuth consumer"),
    "gitea": (VcsType.GITEA, ConnectionType.OAUTH, "/user/settings/applications"),
    "azure": (VcsType.AZURE_DEVOPS, ConnectionType.STANDALONE, "https://dev.azure.com/acme"),
    "service-principal": (VcsType.AZURE_SP_MI, ConnectionType.STANDALONE, "https://login.microsoftonline.com/TENANT"),
}


@pytest.mark.parametrize(("kind", "how", "step"), KINDS.values(), ids=KINDS)
def test_the_page_says_how_to_set_it_up(
    api: FakeApi, admin_page: Client, kind: VcsType, how: ConnectionType, step: str
) -> None:
    vcs = connection(api, kind, connection_type=how, status=VcsStatus.PENDING)
    text = page(admin_page, vcs)
    assert step in text
    if kind != VcsType.AZURE_SP_MI:
        assert f"https://terrakube.example/callback/v1/vcs/{vcs.pk}" in text
    assert "https://terrakube.example/webhook/" in text
    assert SECRET not in text


def test_a_person_is_sent_to_the_provider_and_back(api: FakeApi, admin_page: Client) -> None:
    vcs = connection(api, VcsType.GITLAB, status=VcsStatus.PENDING)
    response = press(admin_page, vcs, "connect")
    assert response.status_code == 302
    assert response["Location"].startswith(f"{api.url}/oauth/authorize?client_id=client-1")
    state = response["Location"].partition("state=")[2].replace("%3A", ":")
    api.answers["POST /oauth/token"] = Told(data={"access_token": "new", "refresh_token": "r", "expires_in": 7200})
    back = admin_page.get(f"/callback/v1/vcs/{vcs.pk}", {"code": "c0de", "state": state})
    assert (back.status_code, back.content) == (200, b"Connected")
    assert "Token from" in page(admin_page, vcs)


def test_a_connection_without_a_client_is_not_connected(api: FakeApi, admin_page: Client) -> None:
    vcs = connection(api, VcsType.GITLAB, client_id="")
    assert press(admin_page, vcs, "connect")["Location"] == reverse("admin:workspaces_vcs_change", args=[vcs.pk])
    assert "The connection has no client ID." in page(admin_page, vcs)


def test_the_last_problem_is_shown_with_its_next_try(api: FakeApi, admin_page: Client) -> None:
    vcs = expiring(api, token_expiration=in_minutes(-1))
    api.answers["POST /oauth/token"] = Told(401, {"error_description": "The grant is <b>invalid</b>."})
    press(admin_page, vcs, "try")
    text = page(admin_page, vcs)
    assert "refuses a new token (401: The grant is &lt;b&gt;invalid&lt;/b&gt;.)" in text
    assert "next try" in text


TRIALS: dict[str, tuple[dict[str, Told], str, bool, str]] = {
    "token": (
        {"GET /api/user": Told(data={"username": "ann"})},
        "",
        True,
        "127.0.0.1 accepts the token; it is that of ann.",
    ),
    "repository": (
        {"GET /api/projects/acme%2Fnetwork": Told(data={"path_with_namespace": "acme/network"})},
        SOURCE,
        True,
        "127.0.0.1 lets the site read acme/network.",
    ),
    "no-repository": ({}, SOURCE, False, "127.0.0.1 shows no repository acme/network to this token."),
    "no-api": ({}, "", False, "There is no API at http://127.0.0.1"),
    "expired": ({"GET /api/user": Told(401, {"message": "401 Unauthorized"})}, "", False, "does not accept the token"),
    "scope": ({"GET /api/user": Told(403, {"error": "insufficient_scope"})}, "", False, "may not do this"),
    "moved": (
        {"GET /api/projects/acme%2Fnetwork": Told(301, None, {"Location": "/x"})},
        SOURCE,
        False,
        "acme/network was renamed or moved.",
    ),
    "odd": ({"GET /api/user": Told(data=[])}, "", False, "This site does not understand the answer"),
    "no-source": ({}, "https://gitlab.com", False, "is not a repository"),
}


@pytest.mark.parametrize(("told", "source", "works", "sentence"), TRIALS.values(), ids=TRIALS)
def test_a_trial_says_in_a_sentence_how_it_went(
    api: FakeApi, told: dict[str, Told], source: str, works: bool, sentence: str
) -> None:
    api.answers |= told
    vcs = connection(api, VcsType.GITLAB, access_token="glpat-1", status=VcsStatus.PENDING)
    trial = try_connection(vcs, source)
    assert (trial.works, sentence in trial.sentence) == (works, True), trial.sentence
    vcs.refresh_from_db()
    assert (vcs.status == VcsStatus.COMPLETED, vcs.problem is None) == (works, works)


def test_an_app_is_tried_by_its_own_login_and_by_a_repository(api: FakeApi) -> None:
    vcs = app_connection(api)
    api.answers["GET /api/app/installations"] = Told(data=[])
    assert "installed nowhere" in try_connection(vcs).sentence
    api.answers["GET /api/app/installations"] = Told(data=[{"id": 7, "account": {"login": "acme"}}])
    assert "it is installed on acme" in try_connection(vcs).sentence
    api.answers |= {FIND: Told(data={"id": 7}), MINT: minted()}
    api.answers["GET /api/repos/acme/network"] = Told(data={"full_name": "acme/network"})
    assert try_connection(vcs, SOURCE).works


def test_a_trial_does_not_wait_for_the_next_try(api: FakeApi) -> None:
    vcs = expiring(api, token_expiration=in_minutes(-1), next_try_at=in_minutes(50), status=VcsStatus.ERROR)
    api.answers |= {
        "POST /oauth/token": Told(data={"access_token": "new", "expires_in": 7200}),
        "GET /api/user": Told(data={"username": "ann"}),
    }
    assert try_connection(vcs).works


def test_only_who_manages_connections_tries_and_connects(api: FakeApi, client: Client) -> None:
    vcs = connection(api, VcsType.GITLAB, access_token="t")
    user = UserFactory.create(is_staff=True)
    user.groups.add(Group.objects.create(name="MEMBERS"))
    team = TeamFactory.create(organization=vcs.organization, name="MEMBERS", plan_job=True)
    client.force_login(user)
    for name in ("try", "connect"):
        assert press(client, vcs, name).status_code == 403
        assert client.get(reverse(f"admin:workspaces_vcs_{name}", args=[vcs.pk])).status_code == 405
    assert "Try it" not in page(client, vcs)
    assert api.asked == []
    team.manage_vcs = True
    team.save()
    assert press(client, vcs, "try").status_code == 302
    assert "Try it" in page(client, vcs)
