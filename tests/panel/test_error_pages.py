"""Who asks for what cannot be served reads what happened and what to do; a program gets it as JSON."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import reverse

from terrakube_site.urls import urlpatterns
from tests.factories import UserFactory
from workspaces.api import discovery

pytestmark = pytest.mark.django_db
PEOPLE = {"Accept": "text/html,application/xhtml+xml"}


def raising(error: Exception) -> Any:
    def view(request: HttpRequest) -> HttpResponse:
        raise error

    return view


def address_of(view: Any) -> Any:
    """The pattern that leads to a view."""
    return next(one for one in urlpatterns if getattr(one, "callback", None) is view)


def ask(path: str, **more: Any) -> Any:
    return Client(raise_request_exception=False, headers=PEOPLE).get(path, **more)


def test_a_page_that_is_not_there_is_said_to_people_and_to_programs() -> None:
    response = ask("/nowhere/")
    assert response.status_code == 404
    assert "Page not found" in response.content.decode()
    assert reverse("admin:index") in response.content.decode()
    program = Client().get("/nowhere/")
    assert (program.status_code, program["Content-Type"]) == (404, "application/json")
    assert "Nothing exists at this address" in program.json()["errors"][0]["detail"]


def test_a_host_that_is_not_ours_is_told_which_setting_names_ours() -> None:
    response = ask("/admin/login/", headers={**PEOPLE, "Host": "elsewhere.example.org"})
    assert response.status_code == 400
    assert "TERRAKUBE_ALLOWED_HOSTS" in response.content.decode()
    assert "elsewhere" not in response.content.decode()
    assert reverse("admin:index") not in response.content.decode(), "it would be refused as this page is"


def test_who_may_not_do_something_reads_why(monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/.well-known/terraform.json"
    pattern = address_of(discovery.terraform)
    monkeypatch.setattr(pattern, "callback", raising(PermissionDenied("Only a team lead may.")))
    response = ask(path)
    assert response.status_code == 403
    assert "Only a team lead may." in response.content.decode()
    monkeypatch.setattr(pattern, "callback", raising(PermissionDenied()))
    assert "None of your teams has the required right" in ask(path).content.decode()


def test_a_mistake_of_ours_names_the_id_under_which_the_log_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pattern = address_of(discovery.terraform)
    monkeypatch.setattr(pattern, "callback", raising(ZeroDivisionError("secret detail")))
    response = ask("/.well-known/terraform.json")
    assert response.status_code == 500
    text = response.content.decode()
    assert response["X-Request-ID"] in text
    assert "secret detail" not in text


def test_a_form_without_its_token_is_refused_with_what_to_do() -> None:
    user: User = UserFactory.create(is_staff=True, is_superuser=True)
    client = Client(enforce_csrf_checks=True, headers=PEOPLE)
    client.force_login(user)
    response = client.post(reverse("admin:workspaces_organization_add"), {"name": "new"})
    assert response.status_code == 403
    assert "Reload the page" in response.content.decode()


def test_an_error_page_speaks_the_readers_language_and_needs_no_script() -> None:
    response = ask("/sign-in/nowhere", headers={**PEOPLE, "Accept-Language": "de"})
    text = response.content.decode()
    assert 'lang="de"' in text
    assert not re.search(r"<script|<style| style=| onclick=", text)
