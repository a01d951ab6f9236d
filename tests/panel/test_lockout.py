"""Repeated failures to sign in by password lock a user name out from an address, for a while."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from axes.models import AccessAttempt
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import Settings

from terrakube_site import env
from terrakube_site.http import client_address
from tests.factories import UserFactory
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
LIMIT = 5


@pytest.fixture(autouse=True)
def root(settings: Settings) -> None:
    # What a real password costs is not what these tests are about.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    user = UserFactory.create(username="root", is_staff=True, is_superuser=True)
    user.set_password("the right one")
    user.save()


def try_to_sign_in(
    password: str = "wrong", username: str = "root", address: str = "192.0.2.1", forwarded: str = ""
) -> int:
    data = {"username": username, "password": password}
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    return Client(REMOTE_ADDR=address, headers=headers).post(reverse("admin:login"), data).status_code


def lock() -> None:
    assert [try_to_sign_in() for _ in range(LIMIT)] == [200] * (LIMIT - 1) + [429]


def test_a_wrong_password_too_often_locks_out_the_right_one_too_and_says_how_long() -> None:
    lock()
    response = Client(REMOTE_ADDR="192.0.2.1").post(
        reverse("admin:login"), {"username": "root", "password": "the right one"}
    )
    assert response.status_code == 429
    assert "Try again in 15 minutes." in response.content.decode()
    assert response["Retry-After"] == "900"


def test_the_lock_ends_by_itself_and_trying_does_not_make_it_longer() -> None:
    lock()
    assert try_to_sign_in() == 429
    AccessAttempt.objects.update(attempt_time=AccessAttempt.objects.get().attempt_time - dt.timedelta(minutes=14))
    response = Client(REMOTE_ADDR="192.0.2.1").post(reverse("admin:login"), {"username": "root", "password": "x"})
    assert "Try again in 1 minute." in response.content.decode()
    AccessAttempt.objects.update(attempt_time=AccessAttempt.objects.get().attempt_time - dt.timedelta(minutes=1))
    assert try_to_sign_in("the right one") == 302


def test_nobody_locks_out_another_address_or_another_user() -> None:
    lock()
    assert try_to_sign_in("the right one", address="192.0.2.2") == 302
    assert try_to_sign_in(username="somebody") == 200


def test_a_success_begins_the_count_anew() -> None:
    for _ in range(2):
        assert [try_to_sign_in() for _ in range(LIMIT - 1)] == [200] * (LIMIT - 1)
        assert try_to_sign_in("the right one") == 302


def test_an_administrator_lifts_a_lock(admin: Client) -> None:
    lock()
    address = reverse("admin:axes_accessattempt_changelist")
    assert "192.0.2.1" in admin.get(address).content.decode()
    chosen = {"action": "delete_selected", "_selected_action": [AccessAttempt.objects.get().pk], "post": "yes"}
    assert admin.post(address, chosen).status_code == 302
    assert try_to_sign_in("the right one") == 302


def test_only_administrators_see_failed_sign_ins(workspace: Workspace, sign_in: Callable[..., Client]) -> None:
    client = sign_in(workspace.organization, role="admin", manage_workspace=True)
    assert client.get(reverse("admin:axes_accessattempt_changelist")).status_code == 403


def test_a_password_is_in_no_record_of_a_failure() -> None:
    try_to_sign_in("almost-the-right-one")
    assert "almost" not in str(AccessAttempt.objects.values().get())


def test_a_header_that_no_proxy_wrote_changes_nothing() -> None:
    for number in range(LIMIT - 1):
        assert try_to_sign_in(forwarded=f"198.51.100.{number}") == 200
    assert try_to_sign_in(forwarded="198.51.100.99") == 429


def test_behind_a_trusted_proxy_its_clients_are_told_apart(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = client_address.read_trusted({"TERRAKUBE_TRUSTED_PROXIES": "192.0.2.1"})
    codes = [try_to_sign_in(forwarded="203.0.113.7, 198.51.100.1") for _ in range(LIMIT)]
    assert codes[-1] == 429
    assert try_to_sign_in("the right one", forwarded="198.51.100.2") == 302
    # What a client wrote itself stands before what the proxy added.
    assert try_to_sign_in("the right one", forwarded="198.51.100.2, 198.51.100.1") == 429


def asking(remote: str, forwarded: str = "") -> HttpRequest:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    return RequestFactory(headers=headers).get("/", REMOTE_ADDR=remote)


@pytest.mark.parametrize(
    ("remote", "forwarded", "address"),
    [
        ("192.0.2.1", "198.51.100.1", "192.0.2.1"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6, unknown", "10.0.0.1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("", "198.51.100.1", ""),
    ],
)
def test_the_address_of_a_client(remote: str, forwarded: str, address: str, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = client_address.read_trusted({"TERRAKUBE_TRUSTED_PROXIES": "10.0.0.0/8"})
    assert client_address.client_address(asking(remote, forwarded)) == address


def test_all_addresses_of_one_ipv6_network_count_together() -> None:
    found = {client_address.network_of_client(asking(f"2001:db8:1:2::{number}")) for number in range(3)}
    assert found == {"2001:db8:1:2::"}


def test_a_proxy_that_is_no_address_is_named() -> None:
    with pytest.raises(env.SettingError, match="TERRAKUBE_TRUSTED_PROXIES is"):
        client_address.read_trusted({"TERRAKUBE_TRUSTED_PROXIES": "10.0.0.1/8"})
