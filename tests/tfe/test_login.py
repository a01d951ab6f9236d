"""``terraform login``: what the page asks, whom it allows, and what a code is exchanged for."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import html
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from terrakube_site.http import failure_limit
from tests.api.client import Api
from tests.factories import TeamFactory, WorkspaceFactory, member
from workspaces.models import AccessToken, LoginCode, Workspace

pytestmark = pytest.mark.django_db
AUTHORIZE = "/sign-in/terminal/authorize"
TOKEN = "/sign-in/terminal/token"
BACK = "http://localhost:10003/login"
VERIFIER = "a-verifier.of_more~than-43-characters-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ASKED = {
    "response_type": "code",
    "client_id": "terraform-cli",
    "redirect_uri": BACK,
    "code_challenge_method": "S256",
    "code_challenge": CHALLENGE,
    "state": "a state & more",
}
ALLOWED = {"description": "terraform login, laptop", "days": "30"}


@pytest.fixture
def workspace() -> Workspace:
    return WorkspaceFactory.create()


@pytest.fixture
def ann(workspace: Workspace) -> User:
    """A member of a team that may read."""
    user = member(TeamFactory.create(organization=workspace.organization, role="read"))
    user.email, user.is_staff = "ann@example.com", True
    user.save()
    return user


@pytest.fixture
def signed_in(ann: User) -> Client:
    """A browser in which Ann is signed in."""
    client = Client()
    client.force_login(ann)
    return client


def address(**changes: str) -> str:
    return f"{AUTHORIZE}?{'&'.join(f'{name}={_quoted(value)}' for name, value in {**ASKED, **changes}.items())}"


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def answer_of(response: Any) -> dict[str, str]:
    """What the terminal is told by a redirect."""
    assert response.status_code == 302
    parts = urlsplit(response["Location"])
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == BACK
    return dict(parse_qsl(parts.query))


def allowed_code(signed_in: Client, **form: str) -> str:
    answer = answer_of(signed_in.post(address(), {**ALLOWED, **form}))
    assert answer.keys() == {"code", "state"}
    assert answer["state"] == ASKED["state"]
    return answer["code"]


def exchange(given: str, changes: Mapping[str, str] | None = None, *, client: Client | None = None) -> Any:
    form = {
        "grant_type": "authorization_code",
        "client_id": "terraform-cli",
        "code": given,
        "redirect_uri": BACK,
        "code_verifier": VERIFIER,
    }
    response = (client or Client()).post(TOKEN, {**form, **(changes or {})})
    assert response["Cache-Control"] == "no-store"
    assert response["Content-Type"] == "application/json"
    return response


def refused(response: Any, error: str = "invalid_grant") -> str:
    assert response.status_code == 400
    assert response.json()["error"] == error
    return str(response.json()["error_description"])


# ---- the page -------------------------------------------------------------------------------------------------------


def test_a_stranger_signs_in_first_and_comes_back(ann: User) -> None:
    ann.set_password("a-long-password")
    ann.save()
    stranger = Client()
    login = stranger.get(address())
    assert login.status_code == 302
    assert urlsplit(login["Location"]).path == reverse("admin:login")
    next = dict(parse_qsl(urlsplit(login["Location"]).query))["next"]
    form = {"username": ann.username, "password": "a-long-password", "next": next}
    back = stranger.post(login["Location"], form)
    assert urlsplit(back["Location"]).path == AUTHORIZE
    assert dict(parse_qsl(urlsplit(back["Location"]).query)) == ASKED
    assert stranger.get(back["Location"]).status_code == 200


def test_who_may_not_sign_in_to_the_panel_is_led_to_its_login(ann: User, signed_in: Client) -> None:
    for change in ({"is_staff": False}, {"is_staff": True, "is_active": False}):
        User.objects.filter(pk=ann.pk).update(**change)
        for response in (signed_in.get(address()), signed_in.post(address(), ALLOWED)):
            assert urlsplit(response["Location"]).path == reverse("admin:login")
    assert not LoginCode.objects.exists()


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("response_type", "token", "code"),
        ("client_id", "another", "terraform-cli"),
        ("redirect_uri", "http://localhost:10011/login", "a port from 10000 to 10010"),
        ("redirect_uri", "http://localhost:9999/login", "a port from 10000 to 10010"),
        ("redirect_uri", "http://localhost:10003/", "a port from 10000 to 10010"),
        ("redirect_uri", "http://localhost:10003/login?a=b", "a port from 10000 to 10010"),
        ("redirect_uri", "http://localhost:10003/login\n", "a port from 10000 to 10010"),
        ("redirect_uri", "https://localhost:10003/login", "a port from 10000 to 10010"),
        ("redirect_uri", "http://127.0.0.1:10003/login", "a port from 10000 to 10010"),
        ("redirect_uri", "http://localhost:10003@evil.example/login", "a port from 10000 to 10010"),
        ("redirect_uri", "http://evil.example:10003/login", "a port from 10000 to 10010"),
        ("code_challenge_method", "plain", "S256"),
        ("code_challenge", VERIFIER, "43 characters"),
        ("code_challenge", CHALLENGE[:-1] + "=", "43 characters"),
        ("state", "x" * 513, "printable ASCII"),
        ("state", "\u202e", "printable ASCII"),
    ],
)
def test_a_wrong_parameter_is_a_page_that_says_which(signed_in: Client, name: str, value: str, allowed: str) -> None:
    for response in (signed_in.get(address(**{name: value})), signed_in.post(address(**{name: value}), ALLOWED)):
        assert response.status_code == 400
        assert "Location" not in response
        text = html.unescape(response.content.decode())
        shown = "<U+202E>" if value == "\u202e" else value[:100].strip()
        assert f"The parameter {name} is “{shown}" in text
        assert allowed in text
    assert not LoginCode.objects.exists()


@pytest.mark.parametrize("name", list(ASKED))
def test_each_parameter_is_given_once(signed_in: Client, name: str) -> None:
    missing = signed_in.get(address(**{name: ""}))
    assert missing.status_code == 400
    assert f"The parameter {name} is missing" in missing.content.decode()
    twice = signed_in.get(f"{address()}&{name}={_quoted(ASKED[name])}")
    assert twice.status_code == 400
    assert f"The parameter {name} is given 2 times" in twice.content.decode()


def test_the_page_says_what_is_allowed_to_whom(signed_in: Client) -> None:
    page = signed_in.get(address())
    text = page.content.decode()
    assert "Allow terraform or tofu on this computer to act as ann@example.com?" in text
    form = page.context["form"]
    assert form["description"].value().startswith("terraform login, ")
    assert form["days"].value() == 30
    assert [days for days, _ in form.fields["days"].choices] == [7, 30, 90, 0]
    assert "no-store" in page["Cache-Control"]
    assert page["X-Frame-Options"] == "DENY"
    policy = dict(part.strip().split(" ", 1) for part in page["Content-Security-Policy"].split(";"))
    assert policy["form-action"].split() == ["'self'", "http://localhost:10003"]
    assert policy["frame-ancestors"] == "'none'"
    assert not LoginCode.objects.exists()


def test_other_pages_may_not_be_redirected_to_a_terminal(signed_in: Client) -> None:
    for response in (signed_in.get("/admin/"), signed_in.get(address(state=""))):
        assert "localhost" not in response["Content-Security-Policy"]


def test_what_the_user_enters_is_checked(signed_in: Client) -> None:
    for change in ({"days": "5"}, {"days": ""}, {"description": " "}, {"description": "x" * 257}):
        response = signed_in.post(address(), {**ALLOWED, **change})
        assert response.status_code == 200
        assert response.context["form"].errors
    assert not LoginCode.objects.exists()


def test_cancel_ends_the_terminals_wait(signed_in: Client) -> None:
    answer = answer_of(signed_in.post(address(), {"cancel": "1"}))
    assert answer["error"] == "access_denied"
    assert answer["state"] == ASKED["state"]
    assert "cancelled" in refused(exchange(answer["code"]), "access_denied")
    assert not LoginCode.objects.exists()


def test_another_site_cannot_allow_it(ann: User) -> None:
    without_csrf_token = Client(enforce_csrf_checks=True)
    without_csrf_token.force_login(ann)
    assert without_csrf_token.post(address(), ALLOWED).status_code == 403
    assert not LoginCode.objects.exists()


@pytest.mark.usefixtures("german")
def test_the_page_is_in_the_readers_language(signed_in: Client) -> None:
    text = signed_in.get(address(), headers={"Accept-Language": "de"}).content.decode()
    assert "Darf terraform oder tofu auf diesem Computer als ann@example.com handeln?" in text
    text = html.unescape(signed_in.get(address(client_id="x"), headers={"Accept-Language": "de"}).content.decode())
    assert "Der Parameter client_id ist „x“; er muss so lauten: terraform-cli." in text


# ---- the exchange ---------------------------------------------------------------------------------------------------


def test_a_code_becomes_a_token_that_is_listed_and_can_be_revoked(
    ann: User, signed_in: Client, workspace: Workspace
) -> None:
    code = allowed_code(signed_in)
    kept = LoginCode.objects.get()
    assert code not in {str(value) for value in vars(kept).values()}
    response = exchange(code)
    assert response.status_code == 200
    assert response.json().keys() == {"access_token", "token_type"}
    assert response.json()["token_type"] == "bearer"
    api = Api(response.json()["access_token"])
    assert [row["id"] for row in api.read("organization")["data"]] == [str(workspace.organization_id)]
    record = AccessToken.objects.get()
    assert (record.user, record.created_by, record.team) == (ann, "ann@example.com", "")
    assert record.expires_at is not None
    assert (record.expires_at - record.created_date).days in {29, 30}
    tokens = reverse("admin:workspaces_accesstoken_changelist")
    assert "terraform login, laptop" in signed_in.get(tokens).content.decode()
    signed_in.post(tokens, {"action": "revoke", "_selected_action": str(record.pk)})
    assert api.get("organization").status_code == 401


def test_a_token_may_have_no_end(signed_in: Client) -> None:
    assert exchange(allowed_code(signed_in, days="0")).status_code == 200
    assert AccessToken.objects.get().expires_at is None


def test_a_code_is_good_for_one_terminal_and_its_token_dies_with_the_second(signed_in: Client) -> None:
    code = allowed_code(signed_in)
    api = Api(exchange(code).json()["access_token"])
    assert api.get("organization").status_code == 200
    assert "used before" in refused(exchange(code))
    assert api.get("organization").status_code == 401
    refused(exchange(code))
    assert AccessToken.objects.filter(deleted=True).count() == AccessToken.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("code_verifier", VERIFIER[:-1]),
        ("code_verifier", CHALLENGE),
        ("code_verifier", "short"),
        ("code_verifier", "ä" * 50),
        ("redirect_uri", "http://localhost:10004/login"),
    ],
)
def test_what_does_not_fit_uses_the_code_up(signed_in: Client, name: str, value: str) -> None:
    code = allowed_code(signed_in)
    assert name in refused(exchange(code, {name: value}))
    refused(exchange(code))
    assert not AccessToken.objects.exists()


def test_a_code_expires(signed_in: Client) -> None:
    code = allowed_code(signed_in)
    kept = LoginCode.objects.get()
    assert kept.expires_at - kept.created_date < dt.timedelta(seconds=61)
    LoginCode.objects.update(expires_at=timezone.now())
    assert "60 seconds" in refused(exchange(code))
    assert not AccessToken.objects.exists()


def test_old_codes_are_deleted_with_the_next(signed_in: Client) -> None:
    allowed_code(signed_in)
    LoginCode.objects.update(expires_at=timezone.now() - dt.timedelta(days=8))
    allowed_code(signed_in)
    assert LoginCode.objects.count() == 1


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}])
def test_a_user_who_was_switched_off_meanwhile_gets_no_token(ann: User, signed_in: Client, change: Any) -> None:
    code = allowed_code(signed_in)
    User.objects.filter(pk=ann.pk).update(**change)
    refused(exchange(code))
    assert not AccessToken.objects.exists()


def test_a_code_acts_for_who_allowed_it_whoever_brings_it(ann: User, signed_in: Client, workspace: Workspace) -> None:
    other = Client()
    bob = member(TeamFactory.create(name="OTHERS"))
    bob.is_staff = True
    bob.save()
    other.force_login(bob)
    assert exchange(allowed_code(signed_in), client=other).status_code == 200
    assert AccessToken.objects.get().user == ann


@pytest.mark.parametrize(
    ("changes", "error", "status"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type", 400),
        ({"client_id": "another"}, "invalid_client", 401),
        ({"code": ""}, "invalid_request", 400),
        ({"code_verifier": ""}, "invalid_request", 400),
        ({"redirect_uri": ""}, "invalid_request", 400),
    ],
)
def test_a_request_of_another_form_leaves_the_code_alone(
    signed_in: Client, changes: dict[str, str], error: str, status: int
) -> None:
    code = allowed_code(signed_in)
    response = exchange(code, changes)
    assert (response.status_code, response.json()["error"]) == (status, error)
    assert exchange(code).status_code == 200


def test_an_unknown_code_is_refused_and_many_are_limited(signed_in: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failure_limit, "FAILURES_ALLOWED", 3)
    for number in range(3):
        assert "not known" in refused(exchange(f"code-{number}"))
    response = exchange(allowed_code(signed_in))
    assert response.status_code == 429
    assert response["Retry-After"] == "60"


def test_a_token_is_asked_for_by_post_alone() -> None:
    assert Client().get(TOKEN).status_code == 405
