"""A workspace is made from git or for an upload without a word that only the API knows, with its pods on or off."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import WorkspaceFactory
from tests.panel.forms import submit
from workspaces.models import Workspace
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
    assert answer["Location"] == tab(workspace, "overview")
    assert (workspace.source, workspace.branch) == ("https://git.example/acme/infra", "main")
    assert (workspace.iac_type, workspace.terraform_version) == ("tofu", "1.9.1")
    assert not workspace.variables.exists(), "pods are as the organization says"


def test_without_an_address_it_is_refused_at_the_field(admin: Client, older: Workspace) -> None:
    answer = made(admin, source="")
    assert answer.status_code == 200
    assert "Give the URL of the git repository." in answer.content.decode()
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
