"""A workspace is made from git or for an upload without a word that only the API knows, with its pods on or off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import PLAN, PLAN_AND_APPLY, TemplateFactory, WorkspaceFactory
from tests.panel.forms import fields_of, submit
from workspaces.models import Template, Workspace
from workspaces.pods.catalogue import ENABLE

pytestmark = pytest.mark.django_db
ADD = reverse("admin:workspaces_workspace_add")


def tab(workspace: Workspace, name: str) -> str:
    return reverse(f"admin:workspaces_workspace_{name}", args=[workspace.pk])


def made(admin: Client, **entered: Any) -> Any:
    return submit(admin, ADD, "workspace_form", {"name": "made", **entered})


@pytest.fixture
def older(workspace: Workspace) -> Workspace:
    """The one workspace of the one organization, whose tool a new one follows."""
    Workspace.objects.filter(pk=workspace.pk).update(iac_type="tofu", terraform_version="1.9.1")
    return Workspace.objects.get(pk=workspace.pk)


def test_from_git_it_takes_a_name_and_an_address(admin: Client, older: Workspace) -> None:
    page = admin.get(ADD).content.decode()
    assert "remote-content" not in page
    assert '"empty"' not in page
    answer = made(admin, source="https://git.example/acme/infra")
    workspace = Workspace.objects.get(name="made")
    assert answer["Location"] == tab(workspace, "start") + "?first=1"
    assert (workspace.source, workspace.branch) == ("https://git.example/acme/infra", "main")
    assert (workspace.iac_type, workspace.terraform_version) == ("tofu", "1.9.1")
    assert not workspace.variables.exists(), "pods are as the organization says"


def test_without_an_address_it_is_refused_at_the_field(admin: Client, older: Workspace) -> None:
    answer = made(admin, source="")
    assert answer.status_code == 200
    assert "Enter the URL of the git repository." in answer.content.decode()
    assert not Workspace.objects.filter(name="made").exists()


def test_for_an_upload_it_takes_a_name_and_leads_to_the_upload(admin: Client, older: Workspace) -> None:
    answer = made(admin, origin="upload", pods="1")
    workspace = Workspace.objects.get(name="made")
    assert workspace.uploaded_source
    assert answer["Location"] == tab(workspace, "source")
    page = admin.get(answer["Location"]).content.decode()
    assert reverse("admin:workspaces_workspace_upload", args=[workspace.pk]) in page
    assert "remote-content" not in page
    assert dict(workspace.variables.values_list("key", "value")) == {ENABLE: "1"}


def test_an_upload_becomes_a_repository_and_an_upload_again(admin: Client) -> None:
    workspace = WorkspaceFactory.create(source="empty", branch="remote-content")
    page = tab(workspace, "source")
    for entered, stored in (
        ({}, ("empty", "remote-content")),
        ({"origin": "git", "source": "https://git.example/a/b"}, ("https://git.example/a/b", "main")),
        ({}, ("https://git.example/a/b", "main")),
        ({"branch": "release"}, ("https://git.example/a/b", "release")),
        ({"origin": "upload"}, ("empty", "remote-content")),
    ):
        assert submit(admin, page, "workspace_form", entered).status_code == 302
        workspace.refresh_from_db()
        assert (workspace.source, workspace.branch) == stored, entered


# ---- the first plan -------------------------------------------------------------------------------------------------


@pytest.fixture
def templates(older: Workspace) -> list[Template]:
    flows = {"1 At once": PLAN_AND_APPLY, "2 Look": PLAN, "3 Other plan": PLAN}
    return [TemplateFactory.create(organization=older.organization, name=name, tcl=tcl) for name, tcl in flows.items()]


def first_page(client: Client, workspace: Workspace) -> str:
    return client.get(tab(workspace, "start"), {"first": "1"}).content.decode()


def test_the_first_plan_of_a_new_workspace_is_one_button_away(admin: Client, templates: list[Template]) -> None:
    answer = made(admin, source="https://git.example/acme/infra")
    page = admin.get(answer["Location"]).content.decode()
    assert "First plan of made" in page
    assert page.count("tk-primary") == 1
    workspace = Workspace.objects.get(name="made")
    fields = {"template": str(templates[1].pk), "refresh": "on"}
    assert fields.items() <= fields_of(page, "first_plan_form").items()
    started = admin.post(tab(workspace, "start"), fields)
    job = workspace.jobs.get()
    assert started["Location"] == reverse("admin:workspaces_job_change", args=[job.pk])
    assert (job.template, job.refresh) == (templates[1], True)


def test_the_first_plan_follows_the_workspaces_own_template_if_that_only_plans(
    admin: Client, older: Workspace, templates: list[Template]
) -> None:
    for default, offered in ((templates[2], templates[2]), (templates[0], templates[1])):
        Workspace.objects.filter(pk=older.pk).update(default_template=default)
        assert f'name="template" value="{offered.pk}"' in first_page(admin, older)


def test_without_a_template_that_only_plans_the_page_offers_what_there_is(
    admin: Client, older: Workspace, templates: list[Template]
) -> None:
    Template.objects.exclude(pk=templates[0].pk).delete()
    page = first_page(admin, older)
    assert "Start the job" in page
    assert "1 At once" in page


def test_who_makes_workspaces_and_may_not_plan_sees_the_overview(
    older: Workspace, sign_in: Callable[..., Client]
) -> None:
    client = sign_in(older.organization, manage_workspace=True)
    answer = made(client, source="https://git.example/acme/infra")
    workspace = Workspace.objects.get(name="made")
    assert answer["Location"] == tab(workspace, "overview")
    assert "First plan" not in first_page(client, workspace)
