"""A connection's token is renewed in time, by one process; a failed renewal says why and is tried again."""

from __future__ import annotations

import base64
import datetime as dt
import threading
import time
from typing import Any

import pytest
from django.db import connection as database
from django.utils import timezone

from terrakube_site.messages import translated
from terrakube_site.outgoing import Answer, ask
from tests.vcs.connections import SECRET, SOURCE, connection, expiring, in_minutes
from tests.vcs.fake_api import Asked, FakeApi, Told
from vcs.connections.problems import ConnectionProblem, kept_problem
from vcs.connections.tokens import api_for, token_for
from vcs.providers.base import api as provider_api
from workspaces.choices import ConnectionType, VcsStatus, VcsType
from workspaces.models import Vcs

pytestmark = pytest.mark.django_db
NEXT = {"access_token": "new", "refresh_token": "refresh-2", "expires_in": 7200, "token_type": "Bearer"}
CALLBACK = "https://terrakube.example/callback/v1/vcs/{}"
CLIENT = {"client_id": "client-1", "client_secret": SECRET}
RENEWING = {"grant_type": "refresh_token", "refresh_token": "refresh-1"}
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
RENEWALS: dict[str, tuple[VcsType, str, dict[str, str]]] = {
    "github": (VcsType.GITHUB, "POST /login/oauth/access_token", {**CLIENT, **RENEWING, "redirect_uri": CALLBACK}),
    "gitlab": (VcsType.GITLAB, "POST /oauth/token", {**CLIENT, **RENEWING, "redirect_uri": CALLBACK}),
    "gitea": (VcsType.GITEA, "POST /login/oauth/access_token", {**CLIENT, **RENEWING, "redirect_uri": CALLBACK}),
    "bitbucket": (VcsType.BITBUCKET, "POST /site/oauth2/access_token", RENEWING),
    "azure": (
        VcsType.AZURE_DEVOPS,
        "POST /oauth2/token",
        {
            "client_assertion_type": ASSERTION,
            "client_assertion": SECRET,
            "grant_type": "refresh_token",
            "assertion": "refresh-1",
            "redirect_uri": CALLBACK,
        },
    ),
}


def text_of(vcs: Vcs, **options: Any) -> str:
    found = token_for(vcs, SOURCE, **options)
    assert found is not None
    return found.text


@pytest.mark.parametrize(("kind", "line", "form"), RENEWALS.values(), ids=RENEWALS)
def test_a_token_that_ends_soon_is_renewed(api: FakeApi, kind: VcsType, line: str, form: dict[str, str]) -> None:
    vcs = expiring(api, kind)
    api.answers[line] = Told(data=NEXT)
    assert text_of(vcs) == "new"
    [asked] = api.asked
    assert asked.body == {name: text.format(vcs.pk) for name, text in form.items()}
    assert asked.query == {}
    if kind == VcsType.BITBUCKET:
        assert asked.headers["authorization"] == "Basic " + base64.b64encode(f"client-1:{SECRET}".encode()).decode()
    vcs.refresh_from_db()
    assert (vcs.access_token, vcs.refresh_token, vcs.status) == ("new", "refresh-2", VcsStatus.COMPLETED)
    assert vcs.token_expiration is not None
    assert dt.timedelta(minutes=118) < vcs.token_expiration - timezone.now() <= dt.timedelta(hours=2)
    assert vcs.lease_until is None
    assert text_of(vcs) == "new"
    assert len(api.asked) == 1


def test_a_token_that_lasts_is_handed_out_as_it_is(api: FakeApi) -> None:
    assert text_of(expiring(api, token_expiration=in_minutes(11))) == "old"
    assert text_of(connection(api, VcsType.GITLAB, access_token="group-token")) == "group-token"
    assert api.asked == []


def test_a_longer_life_may_be_asked_for(api: FakeApi) -> None:
    vcs = expiring(api, token_expiration=in_minutes(30))
    api.answers["POST /oauth/token"] = Told(data=NEXT)
    assert text_of(vcs, lasting=dt.timedelta(minutes=50)) == "new"


def test_a_refresh_token_stays_where_the_provider_gives_no_other(api: FakeApi) -> None:
    vcs = expiring(api, VcsType.BITBUCKET)
    api.answers["POST /site/oauth2/access_token"] = Told(data={"access_token": "new", "expires_in": "3600"})
    assert text_of(vcs) == "new"
    vcs.refresh_from_db()
    assert vcs.refresh_token == "refresh-1"


def test_a_service_principal_signs_in_by_itself(api: FakeApi) -> None:
    vcs = connection(api, VcsType.AZURE_SP_MI, connection_type=ConnectionType.STANDALONE, endpoint=f"{api.url}/tenant")
    api.answers["POST /tenant/oauth2/v2.0/token"] = Told(data={"access_token": "a.b.c", "expires_in": 3599})
    found = token_for(vcs, "https://dev.azure.com/acme/infra/_git/network")
    assert found is not None
    assert (found.text, found.user) == ("a.b.c", "dummy")
    assert api.asked[0].body == {
        **CLIENT,
        "grant_type": "client_credentials",
        "scope": "499b84ac-1321-427f-aa17-267ca6975798/.default",
    }
    assert "a.b.c" not in repr(found)


def test_a_service_principal_without_a_tenant_is_told_so(api: FakeApi) -> None:
    vcs = connection(api, VcsType.AZURE_SP_MI, endpoint="https://dev.azure.com")
    with pytest.raises(ConnectionProblem, match=r"needs the endpoint https://login\.microsoftonline\.com/TENANT"):
        text_of(vcs)


def test_a_refused_renewal_is_kept_with_its_reason_and_tried_again_later(api: FakeApi) -> None:
    vcs = expiring(api, token_expiration=in_minutes(-1))
    api.answers["POST /oauth/token"] = Told(
        401, {"error": "invalid_grant", "error_description": f"The grant of {SECRET} is invalid."}
    )
    for _ in range(3):
        with pytest.raises(ConnectionProblem, match=r"refuses a new token \(401: The grant of … is invalid\."):
            text_of(vcs)
    # The second and third do not ask: the next try is in a minute.
    assert len(api.asked) == 1
    vcs.refresh_from_db()
    assert (vcs.status, vcs.failed_tries, vcs.refresh_token) == (VcsStatus.ERROR, 1, "refresh-1")
    assert vcs.next_try_at is not None
    assert dt.timedelta(seconds=50) < vcs.next_try_at - timezone.now() <= dt.timedelta(minutes=1)
    kept = kept_problem(vcs)
    assert kept is not None
    assert SECRET not in kept
    assert translated(kept) == kept
    Vcs.objects.filter(pk=vcs.pk).update(next_try_at=in_minutes(-1))
    with pytest.raises(ConnectionProblem):
        text_of(vcs)
    vcs.refresh_from_db()
    assert vcs.failed_tries == 2
    assert vcs.next_try_at is not None
    assert vcs.next_try_at - timezone.now() > dt.timedelta(seconds=110)
    Vcs.objects.filter(pk=vcs.pk).update(next_try_at=in_minutes(-1))
    api.answers["POST /oauth/token"] = Told(data=NEXT)
    assert text_of(vcs) == "new"
    vcs = Vcs.objects.get(pk=vcs.pk)
    assert (vcs.status, vcs.failed_tries, vcs.next_try_at, vcs.problem) == (VcsStatus.COMPLETED, 0, None, None)


def test_a_changed_connection_is_tried_at_once(api: FakeApi) -> None:
    vcs = expiring(api, token_expiration=in_minutes(-1))
    api.answers["POST /oauth/token"] = Told(401, {"error": "invalid_client"})
    with pytest.raises(ConnectionProblem):
        text_of(vcs)
    vcs.refresh_from_db()
    vcs.client_secret = "mended"
    vcs.save()
    api.answers["POST /oauth/token"] = Told(data=NEXT)
    assert text_of(vcs) == "new"
    assert api.asked[-1].body["client_secret"] == "mended"


def test_a_token_that_is_still_valid_survives_a_failed_renewal(api: FakeApi) -> None:
    vcs = expiring(api)
    api.answers["POST /oauth/token"] = Told(503)
    assert text_of(vcs) == "old"
    vcs.refresh_from_db()
    assert vcs.status == VcsStatus.ERROR
    assert "reports an internal error (503" in (kept_problem(vcs) or "")


def test_a_limited_rate_is_kept_to(api: FakeApi) -> None:
    vcs = expiring(api, token_expiration=in_minutes(-1))
    api.answers["POST /oauth/token"] = Told(429, {"message": "Too many"}, {"Retry-After": "600"})
    with pytest.raises(ConnectionProblem, match=r"accepts no more requests until .* UTC \(429: Too many\)") as caught:
        text_of(vcs)
    assert (caught.value.temporary, caught.value.retry_after) == (True, 600)
    vcs.refresh_from_db()
    assert vcs.next_try_at is not None
    assert vcs.next_try_at > in_minutes(9)


def test_an_error_in_an_answer_of_200_is_an_error(api: FakeApi) -> None:
    vcs = expiring(api, VcsType.GITHUB, token_expiration=in_minutes(-1))
    api.answers["POST /login/oauth/access_token"] = Told(
        data={"error": "bad_refresh_token", "error_description": "The refresh token refresh-1 is incorrect."}
    )
    with pytest.raises(ConnectionProblem, match=r"The refresh token … is incorrect\."):
        text_of(vcs)


def test_a_host_that_is_not_allowed_is_not_asked(api: FakeApi, settings: Any) -> None:
    settings.OUTGOING_ALLOWED = type(settings.OUTGOING_ALLOWED)()
    with pytest.raises(ConnectionProblem, match=r"cannot be reached: 127\.0\.0\.1 is no public address"):
        text_of(expiring(api, token_expiration=in_minutes(-1)))
    assert api.asked == []


def test_a_refused_token_is_renewed_but_not_twice_in_a_minute(api: FakeApi) -> None:
    vcs = expiring(api, token_expiration=in_minutes(100))
    api.answers["POST /oauth/token"] = Told(data=NEXT)
    assert text_of(vcs, renew=True) == "new"
    assert text_of(vcs, renew=True) == "new"
    assert len(api.asked) == 1


def test_a_connection_without_a_token_says_so(api: FakeApi) -> None:
    with pytest.raises(ConnectionProblem, match="The connection “ours” has no token"):
        text_of(connection(api, VcsType.GITLAB))


def test_a_public_connection_needs_none(api: FakeApi) -> None:
    vcs = connection(api, VcsType.PUBLIC)
    assert token_for(vcs, SOURCE) is None
    with pytest.raises(ConnectionProblem, match="is public and has no API"):
        api_for(vcs, SOURCE)


LOGINS: dict[str, tuple[VcsType, ConnectionType, str, str, str]] = {
    "github": (VcsType.GITHUB, ConnectionType.OAUTH, "gho_1", "x-access-token", "Bearer gho_1"),
    "gitlab": (VcsType.GITLAB, ConnectionType.OAUTH, "glpat-1", "oauth2", "Bearer glpat-1"),
    "gitea": (VcsType.GITEA, ConnectionType.STANDALONE, "tea-1", "oauth2", "token tea-1"),
    "bitbucket": (VcsType.BITBUCKET, ConnectionType.OAUTH, "bb-1", "x-token-auth", "Bearer bb-1"),
    "bitbucket-api-token": (
        VcsType.BITBUCKET,
        ConnectionType.STANDALONE,
        "ATATT-1",
        "x-bitbucket-api-token-auth",
        "Basic " + base64.b64encode(b"client-1:ATATT-1").decode(),
    ),
    "azure-personal": (
        VcsType.AZURE_DEVOPS,
        ConnectionType.STANDALONE,
        "pat",
        "dummy",
        "Basic " + base64.b64encode(b":pat").decode(),
    ),
    "azure-oauth": (VcsType.AZURE_DEVOPS, ConnectionType.OAUTH, "h.p.s", "dummy", "Bearer h.p.s"),
}


@pytest.mark.parametrize(("kind", "how", "token", "user", "header"), LOGINS.values(), ids=LOGINS)
def test_git_and_the_api_take_the_token_as_the_provider_wants_it(
    api: FakeApi, kind: VcsType, how: ConnectionType, token: str, user: str, header: str
) -> None:
    vcs = connection(api, kind, connection_type=how, access_token=token)
    found = token_for(vcs, SOURCE)
    assert found is not None
    assert (found.text, found.user) == (token, user)
    api.answers["GET /api/x"] = Told(data={"ok": True})
    assert api_for(vcs, SOURCE).get("/x").data == {"ok": True}
    assert api.asked[-1].headers["authorization"] == header


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_renewals_at_once_are_one(api: FakeApi) -> None:
    vcs = expiring(api, token_expiration=in_minutes(-1))

    def slow(asked: Asked) -> Told:
        time.sleep(0.5)
        # A second use of a rotated refresh token ends all tokens at GitLab.
        return Told(data=NEXT) if len(api.asked) == 1 else Told(400, {"error": "invalid_grant"})

    api.answers["POST /oauth/token"] = slow
    found: list[str] = []

    def ask() -> None:
        try:
            found.append(text_of(vcs))
        finally:
            database.close()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["new"] * 6
    assert len(api.asked) == 1


def meanwhile(monkeypatch: pytest.MonkeyPatch, vcs: Vcs, **columns: Any) -> None:
    """Change a connection while the provider is asked."""

    def asking(*args: Any, **options: Any) -> Answer:
        Vcs.objects.filter(pk=vcs.pk).update(**columns)
        return ask(*args, **options)

    monkeypatch.setattr(provider_api, "ask", asking)


def test_a_lost_lease_gives_up_no_token(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    vcs = expiring(api, token_expiration=in_minutes(-1))
    meanwhile(monkeypatch, vcs, lease_until=in_minutes(1))
    api.answers["POST /oauth/token"] = Told(data=NEXT)
    assert text_of(vcs) == "new"
    vcs.refresh_from_db()
    assert vcs.refresh_token == "refresh-2"
    assert vcs.lease_until is not None


def test_a_token_that_was_entered_meanwhile_stays(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    vcs = expiring(api, token_expiration=in_minutes(-1))
    meanwhile(monkeypatch, vcs, access_token="typed")
    api.answers["POST /oauth/token"] = Told(data=NEXT)
    assert text_of(vcs) == "typed"
