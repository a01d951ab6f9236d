"""What the pages of all records share: the way to them, their history, and how they are deleted."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.factories import CollectionFactory, ItemFactory, TeamFactory, VariableFactory, WorkspaceFactory
from tests.panel.forms import submit
from tests.support.markup import without_breaks
from workspaces.models import Collection, Workspace

pytestmark = pytest.mark.django_db
SECRET = "p-8a3f91c2"


def way(client: Client, address: str) -> list[str]:
    """The parts of the way at the top of a page."""
    text = client.get(address).content.decode()
    heading = re.search(r"<h1[^>]*>(.*?)</h1>", text, re.S)
    assert heading is not None
    return re.findall(r"<(?:a href=[^>]*|span class=\"tk-here\")>([^<]*)<", heading[1])


@pytest.fixture
def collection() -> Collection:
    return CollectionFactory.create(name="spot-nodes")


def test_a_page_says_where_it_is_by_the_sidebars_names(admin: Client, collection: Collection) -> None:
    assert way(admin, reverse("admin:auditlog_logentry_changelist")) == ["Changes"]
    assert way(admin, reverse("admin:workspaces_collection_add")) == ["Collections", "New"]
    parts = {
        name: reverse(f"admin:workspaces_collection_{name}", args=[collection.pk]) for name in ("change", "delete")
    }
    assert way(admin, parts["change"]) == ["Collections", "spot-nodes"]
    assert way(admin, parts["delete"]) == ["Collections", "spot-nodes", "Delete"]


def test_the_history_of_a_record_says_who_changed_which_field(admin: Client, collection: Collection) -> None:
    address = reverse("admin:workspaces_collection_change", args=[collection.pk])
    submit(admin, address, "collection_form", {"description": "Cheap nodes", "priority": "40"})
    text = admin.get(reverse("admin:workspaces_collection_history", args=[collection.pk])).content.decode()
    assert "Cheap nodes" in text
    assert "Priority" in text
    assert f"by {User.objects.get(is_superuser=True)}" in text


def test_the_history_hides_what_is_secret(admin: Client) -> None:
    variable = VariableFactory.create(key="password", value="before", sensitive=True)
    address = reverse("admin:workspaces_variable_change", args=[variable.pk])
    submit(admin, address, "variable_form", {"value": SECRET, "description": "rotated"})
    text = admin.get(reverse("admin:workspaces_variable_history", args=[variable.pk])).content.decode()
    assert "rotated" in text
    assert SECRET not in text


def test_the_history_of_what_one_does_not_see_is_not_there(
    collection: Collection, sign_in: Callable[..., Client]
) -> None:
    address = reverse("admin:workspaces_collection_history", args=[collection.pk])
    stranger = sign_in(WorkspaceFactory.create().organization, role="admin")
    assert stranger.get(address).status_code == 302
    reader = sign_in(collection.organization, role="read")
    assert "spot-nodes" in reader.get(address).content.decode()


def test_deleting_says_what_goes_with_a_record_and_what_is_only_hidden(
    admin: Client, collection: Collection, workspace: Workspace
) -> None:
    ItemFactory.create(collection=collection, key="TF_LOG")
    text = admin.get(reverse("admin:workspaces_collection_delete", args=[collection.pk])).content.decode()
    assert "This cannot be undone." in text
    assert "TF_LOG" in text
    text = admin.get(reverse("admin:workspaces_workspace_delete", args=[workspace.pk])).content.decode()
    assert "It is hidden" in text


def test_an_empty_list_of_jobs_leads_to_where_jobs_are_started(admin: Client) -> None:
    text = admin.get(reverse("admin:workspaces_job_changelist")).content.decode()
    assert "Start jobs on the page of their workspace." in text
    card = without_breaks(text[text.index("tk-empty") :])
    assert f'<a href="{reverse("admin:workspaces_workspace_changelist")}" class="tk-button">Workspaces</a>' in card


def test_an_empty_list_says_what_it_is_for_and_one_that_was_searched_that_nothing_matches(admin: Client) -> None:
    address = reverse("admin:workspaces_schedule_changelist")
    assert "at set times" in admin.get(address).content.decode()
    assert "No results for this search" in admin.get(f"{address}?q=nothing").content.decode()


def test_a_team_is_listed_with_what_its_role_lets_its_members_do(admin: Client) -> None:
    TeamFactory.create(role="plan")
    text = admin.get(reverse("admin:workspaces_team_changelist")).content.decode()
    assert "Plan jobs" in text
    assert "Approve jobs" not in text.split("<tbody")[1]
