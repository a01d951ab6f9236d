"""A deleted workspace is found, and brought back with all it had."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import VariableFactory, WorkspaceFactory
from workspaces.models import Workspace
from workspaces.services.workspaces import delete_workspace

pytestmark = pytest.mark.django_db
LIST = reverse("admin:workspaces_workspace_changelist")


@pytest.fixture
def deleted() -> Workspace:
    workspace = WorkspaceFactory.create(name="net")
    VariableFactory.create(workspace=workspace, key="kept")
    return delete_workspace(workspace, by=None)


def restore(client: Client, workspace: Workspace, name: str) -> Any:
    return client.post(reverse("admin:workspaces_workspace_restore", args=[workspace.pk]), {"name": name}, follow=True)


def said(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def test_a_deleted_workspace_is_listed_apart_and_restored_under_its_name(admin: Client, deleted: Workspace) -> None:
    assert deleted.name.startswith("net_DEL_")
    assert str(deleted) == "net"
    everyday = admin.get(LIST).content.decode()
    assert "?deleted__exact=1" in everyday
    assert deleted.name not in everyday
    listed = admin.get(LIST, {"deleted__exact": "1"}).content.decode()
    assert ">net</a>" in listed
    assert deleted.name not in listed
    page = admin.get(reverse("admin:workspaces_workspace_settings", args=[deleted.pk])).content.decode()
    assert "Its variables, jobs and states are kept." in page
    assert 'value="net"' in page

    assert said(restore(admin, deleted, "net")) == "net is restored."
    deleted.refresh_from_db()
    assert (deleted.name, deleted.deleted) == ("net", False)
    assert deleted.variables.get().key == "kept"
    assert "net is not deleted." in said(restore(admin, deleted, "net"))


def test_a_name_that_is_taken_meanwhile_is_refused_and_another_one_is_not(admin: Client, deleted: Workspace) -> None:
    WorkspaceFactory.create(organization=deleted.organization, name="net")
    assert "net" in said(restore(admin, deleted, "net"))
    deleted.refresh_from_db()
    assert deleted.deleted
    restore(admin, deleted, "old-net")
    deleted.refresh_from_db()
    assert (deleted.name, deleted.deleted) == ("old-net", False)


def test_a_name_that_no_client_could_put_in_a_path_is_refused(admin: Client, deleted: Workspace) -> None:
    restore(admin, deleted, "../net")
    deleted.refresh_from_db()
    assert deleted.deleted


def test_no_workspace_comes_back_into_a_disabled_organization(admin: Client, deleted: Workspace) -> None:
    deleted.organization.disabled = True
    deleted.organization.save()
    assert "The organization is disabled." in said(restore(admin, deleted, "net"))
    deleted.refresh_from_db()
    assert deleted.deleted


def test_who_may_not_create_workspaces_sees_no_button(deleted: Workspace, sign_in: Callable[..., Client]) -> None:
    client = sign_in(deleted.organization, manage_job=True)
    page = client.get(reverse("admin:workspaces_workspace_settings", args=[deleted.pk])).content.decode()
    assert "Its variables, jobs and states are kept." in page
    assert "restored-name" not in page
