"""The list of workspaces by project: counts, the first of each, and its price."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import OrganizationFactory, WorkspaceFactory
from tests.support.markup import without_breaks
from workspaces.models import Access, Organization, Project, Workspace

pytestmark = pytest.mark.django_db
ADDRESS = "admin:workspaces_workspace_by_project"


def made(organization: Organization, project: Project | None, number: int, **columns: Any) -> None:
    Workspace.objects.bulk_create(
        Workspace(
            organization=organization, project=project, name=f"{project or 'alone'}-{count:02}", source="empty",
            branch="main", terraform_version="1.11.4", **columns,
        )
        for count in range(number)
    )  # fmt: skip


def groups(client: Client, page: str = "1") -> list[Any]:
    response: Any = client.get(reverse(ADDRESS), {"page": page})
    assert response.status_code == 200
    found: list[Any] = response.context_data["groups"]
    return found


def test_each_project_has_its_counts_and_its_first_workspaces(admin: Client) -> None:
    organization = OrganizationFactory.create(name="acme")
    network = Project.objects.create(organization=organization, name="network")
    made(organization, network, 12, last_job_status="failed")
    made(organization, None, 2, last_job_status="waitingApproval", locked=True)
    made(organization, Project.objects.create(organization=organization, name="gone"), 1, deleted=True)
    first, second = groups(admin)
    assert (first.name, first.number, first.failed, first.waiting, first.locked) == ("network", 12, 12, 0, 0)
    assert [one.name for one in first.workspaces] == [f"network-{count:02}" for count in range(10)]
    assert first.more == 2
    assert (second.name, second.number, second.failed, second.waiting, second.locked) == ("", 2, 0, 2, 2)
    for group in (first, second):
        listed: Any = admin.get(group.address)
        assert listed.context_data["cl"].result_count == group.number
    page = without_breaks(admin.get(reverse(ADDRESS)).content.decode())
    assert "2 more: show all in the list" in page
    assert "2 waiting for approval" in page


def test_a_person_sees_the_workspaces_of_their_teams_and_accesses(sign_in: Callable[..., Client]) -> None:
    mine, others = OrganizationFactory.create(name="mine"), OrganizationFactory.create(name="others")
    made(mine, None, 2)
    made(others, None, 3)
    one = WorkspaceFactory.create(organization=others, name="opened")
    reader = sign_in(mine, role="read")
    assert [(group.organization, group.number) for group in groups(reader)] == [("mine", 2)]
    Access.objects.create(workspace=one, name=mine.teams.get().name, role="read")
    found = groups(reader)
    assert [(group.organization, group.number) for group in found] == [("mine", 2), ("others", 1)]
    assert [row.name for row in found[1].workspaces] == ["opened"]


def test_many_projects_take_as_many_queries_and_a_page_has_fifty(admin: Client) -> None:
    organization = OrganizationFactory.create()

    def asked() -> int:
        with CaptureQueriesContext(connection) as found:
            groups(admin)
        return len(found)

    made(organization, Project.objects.create(organization=organization, name="p"), 3)
    asked()
    few = asked()
    for count in range(60):
        made(organization, Project.objects.create(organization=organization, name=f"p{count:02}"), 2)
    assert asked() == few
    assert len(groups(admin)) == 25
    assert len(groups(admin, "3")) == 11
