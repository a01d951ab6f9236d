"""Titles of pages in the words of the sidebar, and the short address of a job for who is signed out."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.contrib import admin as django_admin
from django.test import Client
from django.urls import reverse

from tests.factories import PLAN, TemplateFactory, UserFactory, WorkspaceFactory
from workspaces.admin.navigation import sidebar
from workspaces.services.jobs import create_job

pytestmark = pytest.mark.django_db


def title(client: Client, address: str, **headers: str) -> str:
    page: Any = client.get(address, headers=headers)
    assert page.status_code == 200
    found = re.search(r"<title>(.*?)</title>", page.content.decode(), re.DOTALL)
    assert found
    return " ".join(unescape(found[1]).split()).removesuffix(" | Terrakube Site")


def test_a_list_is_called_as_in_the_sidebar(admin: Client) -> None:
    request: Any = admin.get(reverse("admin:index")).wsgi_request
    entries = [item for group in sidebar(request) for item in group["items"]]
    lists = {item["link"]: str(item["title"]) for item in entries if item["link"].startswith("/admin/workspaces/")}
    assert len(lists) > 15
    assert {address: title(admin, address) for address in lists} == lists


def test_one_entry_of_the_sidebar_is_current(admin: Client) -> None:
    request: Any = admin.get(reverse("admin:index")).wsgi_request
    addresses = [item["link"] for group in sidebar(request) for item in group["items"]]
    workspace = WorkspaceFactory.create()
    workspaces = reverse("admin:workspaces_workspace_changelist")
    shown = {
        **{address: [address] for address in addresses},
        reverse("admin:workspaces_workspace_overview", args=[workspace.pk]): [workspaces],
        reverse("admin:password_change"): [],
    }
    for address, current in shown.items():
        request.path = address
        found = [item["link"] for group in sidebar(request) for item in group["items"] if item["active"]]
        assert found == current


def test_no_list_is_called_by_what_can_be_done_in_it(admin: Client) -> None:
    for model in django_admin.site._registry:
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        assert not title(admin, address).startswith(("Select ", "Change ", "View ")), address


def test_a_record_is_called_by_its_name_and_its_list(admin: Client) -> None:
    template = TemplateFactory.create(name="network")
    page = "admin:workspaces_workspace"
    assert title(admin, reverse("admin:workspaces_template_change", args=[template.pk])) == "network · Templates"
    assert title(admin, reverse(f"{page}_add")) == "New · Workspaces"
    assert title(admin, reverse(f"{page}_changelist"), accept_language="de") == "Workspaces"
    assert title(admin, reverse("admin:workspaces_schedule_changelist"), accept_language="de") == "Zeitpläne"


def test_a_page_of_a_record_is_called_by_the_record(admin: Client) -> None:
    workspace = WorkspaceFactory.create(name="net")
    page = "admin:workspaces_workspace"
    titles = {
        "overview": "Overview · net · Workspaces",
        "variables": "Variables · net · Workspaces",
        "history": "History of net",
        "start": "Start a job on net",
        "delete": "Delete · net · Workspaces",
    }
    assert {name: title(admin, reverse(f"{page}_{name}", args=[workspace.pk])) for name in titles} == titles
    # The word in another is not the record's name.
    short = WorkspaceFactory.create(name="view")
    assert title(admin, reverse(f"{page}_overview", args=[short.pk])) == "Overview · view · Workspaces"


def test_a_page_beside_a_list_is_called_by_the_list_too(admin: Client) -> None:
    assert title(admin, reverse("admin:workspaces_workspace_by_project")) == "By project · Workspaces"
    assert title(admin, reverse("admin:workspaces_job_list_view")) == "Saved filters and columns · Jobs"


def test_a_job_keeps_its_status_in_its_title(admin: Client) -> None:
    job = create_job(WorkspaceFactory.create(name="network"), by=None, tcl=PLAN)
    assert title(admin, reverse("admin:workspaces_job_change", args=[job.pk])).startswith("Pending · job")


def test_the_short_address_of_a_job_leads_to_the_sign_in_and_back(client: Client) -> None:
    job = create_job(WorkspaceFactory.create(), by=None, tcl=PLAN)
    address = f"/runs/{job.pk}/"
    answer: Any = client.get(address)
    assert (answer.status_code, answer["Location"]) == (302, f"/admin/login/?next={address}")
    user = UserFactory.create(is_staff=True, is_superuser=True)
    user.set_password("a long password")
    user.save()
    signed_in: Any = client.post(answer["Location"], {"username": user.username, "password": "a long password"})
    assert signed_in["Location"] == address
    assert client.get(address)["Location"] == reverse("admin:workspaces_job_change", args=[job.pk])
    assert client.get("/runs/999999/").status_code == 404


def test_what_the_page_of_a_job_asks_for_is_refused_when_signed_out(client: Client) -> None:
    job = create_job(WorkspaceFactory.create(), by=None, tcl=PLAN)
    assert client.get(f"/runs/{job.pk}/live").status_code == 401
