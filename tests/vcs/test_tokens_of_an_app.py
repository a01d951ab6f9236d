"""A GitHub App's tokens: minted for one repository, kept while they last, refused with a sentence that helps."""

from __future__ import annotations

import datetime as dt
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from django.utils import timezone

from tests.vcs.connections import SOURCE, app_connection, app_key, in_minutes, pem
from tests.vcs.fake_api import FakeApi, Told
from vcs.connections.problems import ConnectionProblem, kept_problem
from vcs.connections.tokens import api_for, known_tokens, token_for
from vcs.models import InstallationToken
from workspaces.choices import VcsStatus

pytestmark = pytest.mark.django_db
FIND = "GET /api/repos/acme/network/installation"
MINT = "POST /api/app/installations/7/access_tokens"
READING = {"contents": "read", "metadata": "read"}


def minted(text: str = "ghs_1", minutes: float = 60) -> Told:
    ends = in_minutes(minutes).astimezone(dt.UTC)
    return Told(201, {"token": text, "expires_at": f"{ends:%Y-%m-%dT%H:%M:%SZ}"})


@pytest.fixture
def github(api: FakeApi) -> FakeApi:
    api.answers |= {FIND: Told(data={"id": 7, "account": {"login": "acme"}}), MINT: minted()}
    return api


def text_of(vcs: Any, source: str = SOURCE, **options: Any) -> str:
    found = token_for(vcs, source, **options)
    assert found is not None
    return found.text


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(pem(), id="pkcs1"),
        pytest.param(pem(serialization.PrivateFormat.PKCS8), id="pkcs8"),
        pytest.param(pem().replace("\n", "\\n"), id="line-ends-as-text"),
        pytest.param(pem().strip().replace("\n", "\r\n"), id="windows"),
    ],
)
def test_a_token_is_minted_for_the_repository_alone(github: FakeApi, key: str) -> None:
    vcs = app_connection(github, private_key=key)
    found = token_for(vcs, SOURCE)
    assert found is not None
    assert (found.text, found.user) == ("ghs_1", "x-access-token")
    assert github.lines == [FIND, MINT]
    assert github.asked[1].body == {"repositories": ["network"], "permissions": READING}
    for asked in github.asked:
        assert asked.headers["x-github-api-version"] == "2022-11-28"
        assert asked.headers["accept"] == "application/vnd.github+json"
        login = asked.headers["authorization"].removeprefix("Bearer ")
        assert jwt.get_unverified_header(login)["alg"] == "RS256"
        claims = jwt.decode(login, app_key().public_key(), algorithms=["RS256"], issuer="client-1")
        assert claims["exp"] - claims["iat"] == 600
        assert -65 < claims["iat"] - timezone.now().timestamp() < -50


def test_a_token_is_kept_until_ten_minutes_before_its_end(github: FakeApi) -> None:
    vcs = app_connection(github)
    assert [text_of(vcs), text_of(vcs)] == ["ghs_1", "ghs_1"]
    assert len(github.asked) == 2
    InstallationToken.objects.update(expires_at=in_minutes(9))
    github.answers[MINT] = minted("ghs_2")
    assert text_of(vcs) == "ghs_2"
    assert InstallationToken.objects.count() == 1
    assert known_tokens(vcs) == {"ghs_2"}


def test_each_repository_and_each_use_has_its_own(github: FakeApi) -> None:
    vcs = app_connection(github)
    github.answers["GET /api/repos/Acme/dns/installation"] = Told(data={"id": 7})
    text_of(vcs)
    text_of(vcs, "https://github.com/Acme/dns")
    text_of(vcs, "https://github.com/acme/network", write=True)
    assert [asked.body for asked in github.asked if asked.line == MINT] == [
        {"repositories": ["network"], "permissions": READING},
        {"repositories": ["dns"], "permissions": READING},
        {"repositories": ["network"]},
    ]
    scopes = InstallationToken.objects.order_by("pk").values_list("owner", "scope")
    assert list(scopes) == [("acme", "network read"), ("acme", "dns read"), ("acme", "network write")]


def test_a_connection_may_hand_out_tokens_for_all_repositories(github: FakeApi) -> None:
    vcs = app_connection(github, all_repositories=True)
    assert text_of(vcs) == "ghs_1"
    assert github.asked[1].body == {"permissions": READING}


def test_the_api_is_asked_with_a_token_that_may_write(github: FakeApi) -> None:
    github.answers["POST /api/repos/acme/network/statuses/abc"] = Told(201, {"id": 1})
    api_for(app_connection(github), SOURCE).post("/repos/acme/network/statuses/abc", {"state": "pending"})
    assert github.asked[1].body == {"repositories": ["network"]}
    assert github.asked[2].headers["authorization"] == "Bearer ghs_1"


def test_a_renamed_repository_is_found_by_the_number_that_github_names(github: FakeApi) -> None:
    elsewhere = "https://evil.example/repositories/1296269/installation"
    github.answers[FIND] = Told(301, {"message": "Moved Permanently"}, {"Location": elsewhere})
    github.answers["GET /api/repositories/1296269/installation"] = Told(data={"id": 7})
    assert text_of(app_connection(github)) == "ghs_1"
    assert github.lines == [FIND, "GET /api/repositories/1296269/installation", MINT]
    assert github.asked[2].body == {"repository_ids": [1296269], "permissions": READING}


REFUSALS: dict[str, tuple[str, Told, str, bool]] = {
    "uninstalled": (FIND, Told(404, {"message": "Not Found"}), "not installed for acme/network. Install it on", False),
    "wrong-key": (
        FIND,
        Told(401, {"message": "A JSON web token could not be decoded"}),
        r"does not accept the App's login \(A JSON web token could not be decoded\)",
        True,
    ),
    "not-that-repository": (
        MINT,
        Told(422, {"message": "There is at least one repository that does not exist or is not accessible"}),
        "installation on acme may not read acme/network .*Contents: read",
        False,
    ),
    "suspended": (
        MINT,
        Told(403, {"message": "This installation has been suspended"}),
        "refuses a token for acme/network .*suspended",
        False,
    ),
    "moved": (FIND, Told(301, None, {"Location": "/elsewhere"}), "acme/network was renamed or moved", False),
    "down": (FIND, Told(502), "reports an internal error", False),
    "no-token": (MINT, Told(201, {}), "The answer holds no token", False),
}


@pytest.mark.parametrize(("line", "told", "sentence", "lost"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_says_what_to_do(github: FakeApi, line: str, told: Told, sentence: str, lost: bool) -> None:
    vcs = app_connection(github)
    github.answers[line] = told
    with pytest.raises(ConnectionProblem, match=sentence):
        text_of(vcs)
    vcs.refresh_from_db()
    assert kept_problem(vcs)
    # One repository's trouble is not that of all.
    assert vcs.status == (VcsStatus.ERROR if lost else VcsStatus.COMPLETED)
    github.answers |= {FIND: Told(data={"id": 7}), MINT: minted()}
    assert text_of(vcs) == "ghs_1"
    vcs.refresh_from_db()
    assert (kept_problem(vcs), vcs.status) == (None, VcsStatus.COMPLETED)


def test_a_limited_rate_holds_up_all_repositories(github: FakeApi) -> None:
    vcs = app_connection(github)
    reset = str(int(timezone.now().timestamp()) + 900)
    github.answers[FIND] = Told(
        403,
        {"message": "API rate limit exceeded"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset},
    )
    for source in (SOURCE, "https://github.com/acme/dns"):
        with pytest.raises(ConnectionProblem, match="accepts no more requests until") as caught:
            text_of(vcs, source)
        assert caught.value.temporary
    assert github.lines == [FIND]


def test_an_app_that_was_uninstalled_is_noticed_when_git_is_refused(github: FakeApi) -> None:
    vcs = app_connection(github)
    assert text_of(vcs) == "ghs_1"
    InstallationToken.objects.update(minted_at=in_minutes(-5))
    github.answers[FIND] = Told(404, {"message": "Not Found"})
    with pytest.raises(ConnectionProblem, match="not installed"):
        text_of(vcs, renew=True)


@pytest.mark.parametrize("key", ["nonsense", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----"])
def test_a_key_that_is_none_is_named(github: FakeApi, key: str) -> None:
    with pytest.raises(ConnectionProblem, match="The private key is not an RSA key in PEM") as caught:
        text_of(app_connection(github, private_key=key))
    assert "AAAA" not in caught.value.sentence
    assert github.asked == []


def test_a_source_without_a_repository_is_named(github: FakeApi) -> None:
    with pytest.raises(ConnectionProblem, match=r"The source https://github\.com is not a repository"):
        text_of(app_connection(github), "https://github.com")
