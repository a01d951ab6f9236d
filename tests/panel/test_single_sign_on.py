"""Sign-in to the panel by an OpenID Connect issuer: a real one in the test's process, over HTTP."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests.factories import TeamFactory, UserFactory, WorkspaceFactory
from tests.support.issuer import CLIENT_ID, Issuer
from tests.tfe.test_login import address
from workspaces.models import Workspace
from workspaces.services import oidc
from workspaces.sign_in import issuer as client_of_issuer

pytestmark = pytest.mark.django_db

ANN = {"sub": "u1", "name": "Ann Lee", "email": "ann@example.com", "email_verified": True, "groups": ["READERS"]}
BEGIN = "/sign-in/"
BACK = "/sign-in/back"


@pytest.fixture
def issuer(settings: Settings) -> Iterator[Issuer]:
    issuer = Issuer(person=dict(ANN))
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID = issuer.address, CLIENT_ID
    settings.PUBLIC_URL = "http://testserver"
    oidc._keys_of.cache_clear()
    client_of_issuer._client.cache_clear()
    yield issuer
    issuer.stop()


def at_the_issuer(response: Any) -> str:
    """Follow a redirect to the issuer as a browser does, and return where the issuer sends it back to."""
    with urllib.request.urlopen(response["Location"]) as page:  # noqa: S310 - the test's own issuer
        return str(page.headers["X-Back"]).removeprefix("http://testserver")


def sign_in(client: Client, next: str = "") -> Any:
    return client.get(at_the_issuer(client.get(BEGIN, {"next": next})), follow=True)


def signed_in_as(client: Client) -> str | None:
    key = client.session.get("_auth_user_id")
    return User.objects.get(pk=key).username if key else None


def test_the_login_page_offers_the_issuer_where_there_is_one(issuer: Issuer, settings: Settings) -> None:
    settings.OIDC_NAME = "Corp"
    address = reverse("admin:login")
    assert "Sign in with Corp" in Client().get(address).content.decode()
    settings.OIDC_ISSUER = ""
    assert "Sign in with" not in Client().get(address).content.decode()
    assert Client().get(BEGIN).status_code == Client().get(BACK).status_code == 404


def test_a_person_sees_what_the_teams_of_the_claimed_groups_see(issuer: Issuer, workspace: Workspace) -> None:
    TeamFactory.create(organization=workspace.organization, name="READERS", role="read")
    elsewhere = WorkspaceFactory.create(name="elsewhere-workspace")
    client = Client()
    page = sign_in(client, next=reverse("admin:workspaces_workspace_changelist"))
    assert page.status_code == 200
    text = page.content.decode()
    assert workspace.name in text
    assert elsewhere.name not in text
    user = User.objects.get()
    assert (user.username, user.email, user.first_name, user.last_name) == ("ann@example.com",) * 2 + ("Ann", "Lee")
    assert (user.is_staff, user.is_superuser, user.has_usable_password()) == (True, False, False)
    asked = dict(issuer.asked)["/dex/auth"]
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["state"]) > 20
    assert len(asked["nonce"]) > 15
    assert set(asked["scope"].split()) >= {"openid", "groups"}


def test_a_terminals_login_goes_on_after_the_issuers_sign_in(issuer: Issuer) -> None:
    page = sign_in(Client(), next=address())
    assert page.status_code == 200
    assert "Allow terraform or tofu on this computer to act as ann@example.com?" in page.content.decode()


def test_the_admin_group_makes_an_administrator_for_as_long_as_it_is_claimed(
    issuer: Issuer, settings: Settings
) -> None:
    settings.ADMIN_GROUP = "PLATFORM"
    issuer.person["groups"] = ["READERS", "PLATFORM"]
    client = Client()
    sign_in(client)
    assert client.get(reverse("admin:auth_user_changelist")).status_code == 200
    issuer.person["groups"] = ["READERS"]
    sign_in(Client())
    # The first session has lost it too.
    assert client.get(reverse("admin:auth_user_changelist")).status_code == 403
    assert User.objects.count() == 1
    assert list(User.objects.get().groups.values_list("name", flat=True)) == ["READERS"]


def test_who_has_lost_all_groups_is_refused_with_a_sentence_and_in_open_sessions_too(issuer: Issuer) -> None:
    first = Client()
    sign_in(first)
    assert first.get(reverse("admin:index")).status_code == 200
    issuer.person["groups"] = []
    again = Client()
    text = sign_in(again).content.decode()
    assert "signed in as ann@example.com, but the issuer names no group of yours" in text
    assert signed_in_as(again) is None
    assert first.get(reverse("admin:index")).status_code == 302


def test_who_never_had_a_group_leaves_no_user(issuer: Issuer) -> None:
    issuer.person["groups"] = "READERS"
    assert "no group of yours" in sign_in(Client()).content.decode()
    assert not User.objects.exists()


def test_a_switched_off_user_stays_outside(issuer: Issuer) -> None:
    sign_in(Client())
    User.objects.update(is_active=False)
    client = Client()
    assert "switched off" in sign_in(client).content.decode()
    assert signed_in_as(client) is None


def test_nobody_becomes_a_user_who_is_there_already(issuer: Issuer) -> None:
    root = UserFactory.create(username="Ann@example.com", is_superuser=True, is_staff=True)
    client = Client()
    sign_in(client)
    name = signed_in_as(client)
    assert name is not None
    assert name.startswith("ann@example.com-")
    root.refresh_from_db()
    assert root.is_superuser
    # The same person stays the same user, also with another address.
    issuer.person["email"] = "ann.lee@example.com"
    again = Client()
    sign_in(again)
    assert signed_in_as(again) == name


def test_an_address_that_the_issuer_calls_unverified_is_not_taken(issuer: Issuer) -> None:
    issuer.person |= {"email": "boss@example.com", "email_verified": False, "preferred_username": "ann lee"}
    sign_in(Client())
    user = User.objects.get()
    assert (user.username, user.email) == ("ann-lee", "")


def _another_key(issuer: Issuer) -> None:
    issuer.signed_by = rsa.generate_private_key(65537, 2048)


def _shared_secret(issuer: Issuer) -> None:
    issuer.signed_by, issuer.algorithm = "a text of thirty-two characters!", "HS256"


def _claims(**changed: Any) -> Callable[[Issuer], None]:
    def spoil(issuer: Issuer) -> None:
        issuer.spoil = lambda claims: claims.update(changed)

    return spoil


@pytest.mark.parametrize(
    "spoil",
    [
        _another_key,
        _shared_secret,
        _claims(nonce="another"),
        _claims(nonce=None),
        _claims(aud="another"),
        _claims(iss="http://127.0.0.1:1/dex"),
        _claims(exp=time.time() - 3600),
        _claims(sub=""),
    ],
)
def test_an_answer_that_can_not_be_trusted_signs_nobody_in(issuer: Issuer, spoil: Callable[[Issuer], None]) -> None:
    spoil(issuer)
    client = Client()
    text = sign_in(client).content.decode()
    assert "did not succeed" in text or "did not say who you are" in text
    assert signed_in_as(client) is None
    assert not User.objects.exists()


def test_an_answer_counts_only_in_the_browser_that_asked_and_only_once(issuer: Issuer) -> None:
    client, other = Client(), Client()
    back = at_the_issuer(client.get(BEGIN))
    # Somebody else's answer, in a browser that has asked for another one or for none.
    assert "did not succeed" in other.get(back, follow=True).content.decode()
    other.get(BEGIN)
    assert "did not succeed" in other.get(back, follow=True).content.decode()
    assert signed_in_as(other) is None
    client.get(back)
    assert signed_in_as(client) == "ann@example.com"
    client.logout()
    client.get(back)
    assert signed_in_as(client) is None


def test_a_code_is_of_no_use_without_the_verifier_of_its_browser(issuer: Issuer) -> None:
    client, other = Client(), Client()
    stolen = parse_qs(urlsplit(at_the_issuer(client.get(BEGIN))).query)["code"][0]
    state = parse_qs(urlsplit(at_the_issuer(other.get(BEGIN))).query)["state"][0]
    assert "did not succeed" in other.get(BACK, {"code": stolen, "state": state}, follow=True).content.decode()
    assert signed_in_as(other) is None


def test_a_client_with_a_secret_proves_itself(issuer: Issuer, settings: Settings) -> None:
    issuer.secret = settings.OIDC_CLIENT_SECRET = "s3cr3t-of-the-client"
    client = Client()
    sign_in(client)
    assert signed_in_as(client) == "ann@example.com"
    settings.OIDC_CLIENT_SECRET = "another"
    assert "did not succeed" in sign_in(Client()).content.decode()


@pytest.mark.parametrize("next", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", ""])
def test_nobody_is_sent_to_another_site_after_signing_in(issuer: Issuer, next: str) -> None:
    client = Client()
    back = at_the_issuer(client.get(BEGIN, {"next": next}))
    assert client.get(back)["Location"] == reverse("admin:index")


def test_a_session_has_another_id_after_signing_in(issuer: Issuer) -> None:
    client = Client()
    back = at_the_issuer(client.get(BEGIN))
    before = client.session.session_key
    client.get(back)
    assert client.session.session_key != before


def test_signing_out_ends_the_session_of_the_issuer_too(issuer: Issuer) -> None:
    client = Client()
    sign_in(client)
    address = reverse("admin:logout")
    assert client.get(address).status_code == 405
    response = client.post(address)
    assert response["Location"].startswith(f"{issuer.address}/logout?")
    assert parse_qs(urlsplit(response["Location"]).query)["post_logout_redirect_uri"] == [
        f"http://testserver{reverse('admin:login')}"
    ]
    assert signed_in_as(client) is None
    # Who came in by a password has no session there.
    client.force_login(UserFactory.create(is_staff=True))
    assert client.post(address).status_code == 200


def test_a_refusal_of_the_issuer_is_said_without_its_words(issuer: Issuer) -> None:
    client = Client()
    state = parse_qs(urlsplit(client.get(BEGIN)["Location"]).query)["state"][0]
    answer = {"error": "access_denied", "error_description": "<b>call 555</b>", "state": state}
    text = client.get(BACK, answer, follow=True).content.decode()
    assert "did not succeed" in text
    assert "555" not in text


def test_an_issuer_that_is_away_is_said_on_the_login_page(issuer: Issuer, settings: Settings) -> None:
    settings.OIDC_ISSUER = "http://127.0.0.1:9/dex"
    page = Client().get(BEGIN, follow=True)
    assert "sign-in service does not answer" in page.content.decode()
    assert page.redirect_chain[-1][0] == reverse("admin:login")
