"""Columns that a person chooses for the lists of workspaces and jobs, and what an export then has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin as django_admin
from django.test import Client
from django.urls import reverse

from tests.factories import PLAN, WorkspaceFactory
from tests.panel.test_lists import exported
from tests.support.markup import without_breaks
from workspaces.admin.list_views import column_name
from workspaces.models import Job, ListPreference, Workspace
from workspaces.services.jobs import create_job

pytestmark = pytest.mark.django_db


def choose(client: Client, kind: str, *columns: str, do: str = "columns") -> str:
    address = reverse(f"admin:workspaces_{kind}_list_view")
    response: Any = client.post(address, {"do": do, "column": columns, "query": "q="}, follow=True)
    assert response.status_code == 200
    return str(without_breaks(response.content.decode()))


def shown(client: Client, kind: str, query: str = "q=") -> list[str]:
    response: Any = client.get(f"{reverse(f'admin:workspaces_{kind}_changelist')}?{query}")
    assert response.status_code == 200
    return [column_name(one) for one in response.context_data["cl"].list_display if one != "action_checkbox"]


def test_a_person_chooses_columns_for_themselves_alone(workspace: Workspace, sign_in: Callable[..., Client]) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(folder="/deep/inside", description="the core")
    reader, other = (sign_in(workspace.organization, role="read") for _ in range(2))
    before = shown(other, "workspace")
    page = choose(reader, "workspace", "folder", "description", "lock", "nothing-like-this")
    assert shown(reader, "workspace") == ["name", "lock", "description", "folder"]
    assert "/deep/inside" in page
    assert "the core" in page
    assert shown(other, "workspace") == before
    assert shown(reader, "job") == shown(other, "job")
    choose(reader, "workspace", do="standard-columns")
    assert shown(reader, "workspace") == before


def test_an_uploaded_source_has_no_branch_in_list_and_export(workspace: Workspace, admin: Client) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(branch="next,main")
    WorkspaceFactory.create(organization=workspace.organization, name="zz", source="empty", branch="remote-content")
    page = choose(admin, "workspace", "branch", "origin")
    assert shown(admin, "workspace", "o=-branch") == ["name", "origin", "branch"]
    assert "next,main" in page
    assert "remote-content" not in page
    rows = exported(admin, "workspace", o="name")
    found = [{row["branch"]: row["source"]} for row in rows]
    assert found == [{"next,main": workspace.source}, {"": ""}]


def test_a_choice_of_none_changes_nothing(workspace: Workspace, sign_in: Callable[..., Client]) -> None:
    reader = sign_in(workspace.organization, role="read")
    assert "Choose at least one column." in choose(reader, "job", "nothing-like-this")
    assert not ListPreference.objects.exists()


def test_a_list_is_ordered_by_a_column_that_it_does_not_show(admin: Client, workspace: Workspace) -> None:
    made = [create_job(workspace, by=None, tcl=PLAN, comments=word) for word in ("b", "c", "a")]
    choose(admin, "job", "state")
    listed: Any = admin.get(reverse("admin:workspaces_job_changelist"), {"o": "comments"})
    assert [job.pk for job in listed.context_data["cl"].result_list] == [made[2].pk, made[0].pk, made[1].pk]
    # Numbers are those of the columns that are shown.
    listed = admin.get(reverse("admin:workspaces_job_changelist"), {"o": "-1"})
    assert [job.pk for job in listed.context_data["cl"].result_list] == [job.pk for job in reversed(made)]


def test_an_export_has_the_chosen_columns(admin: Client, workspace: Workspace) -> None:
    job = create_job(workspace, by=None, tcl=PLAN, comments="hello")
    assert len(exported(admin, "job")[0]) > 10
    choose(admin, "job", "state", "comments")
    assert exported(admin, "job") == [{"job": str(job.pk), "status": job.status, "comment": "hello"}]
    choose(admin, "workspace", "tool")
    (row,) = exported(admin, "workspace")
    assert set(row) == {"id", "name", "tool", "version"}


@pytest.mark.parametrize("model", [Workspace, Job])
def test_each_head_of_an_export_belongs_to_a_column(model: type[Any]) -> None:
    page: Any = django_admin.site._registry[model]
    columns = {column_name(one) for one in page.all_columns()}
    assert set(page.heads_of_columns) <= columns
    heads = [head for its in page.heads_of_columns.values() for head in its]
    assert sorted(heads) == sorted(head for head, _say in page.export_columns)
