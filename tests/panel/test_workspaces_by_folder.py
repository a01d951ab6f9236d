"""The list of workspaces by repository and folder: the tree, its counts, the filter behind it, and its price."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import OrganizationFactory
from workspaces.models import Organization, Workspace

pytestmark = pytest.mark.django_db
ADDRESS = "/admin/workspaces/workspace/by-folder/"
LIVE = "https://git.example/live.git"


def made(organization: Organization, *folders: str | None, source: str = LIVE, **columns: Any) -> None:
    Workspace.objects.bulk_create(
        Workspace(
            organization=organization, name=f"w-{source[-8:]}-{number:03}-{len(folders)}", folder=folder,
            source=source, branch="main", terraform_version="1.11.4", **columns,
        )
        for number, folder in enumerate(folders)
    )  # fmt: skip


def groups(client: Client, address: str = ADDRESS) -> list[Any]:
    response: Any = client.get(address)
    assert response.status_code == 200
    found: list[Any] = response.context_data["groups"]
    return found


def numbers(found: list[Any]) -> dict[str, int]:
    return {group.name: group.number for group in found}


def listed(client: Client, group: Any) -> int:
    response: Any = client.get(group.address)
    count: int = response.context_data["cl"].result_count
    return count


def test_repositories_open_to_their_folders(admin: Client) -> None:
    organization = OrganizationFactory.create(name="acme")
    made(organization, "/live/prod/net", "live/prod/dns,other", "/live/test/net", "/live/test/dns", "/live/global")
    made(organization, "/", None, source="https://git.example/b.git", last_job_status="failed", locked=True)
    made(organization, "/", source="empty")
    top = groups(admin)
    assert numbers(top) == {"": 1, "https://git.example/b.git": 2, LIVE: 5}
    assert (top[1].failed, top[1].locked) == (2, 2)
    assert top[0].inside == ""
    assert [listed(admin, group) for group in top] == [group.number for group in top]
    # All of it is below "live", which is passed over.
    live = groups(admin, top[2].inside)
    assert numbers(live) == {"In this folder": 1, "prod": 2, "test": 2}
    assert [listed(admin, group) for group in live[1:]] == [2, 2]
    assert [one.folder for one in live[1].workspaces] == ["live/prod/dns,other", "/live/prod/net"]
    deepest = groups(admin, live[1].inside)
    assert numbers(deepest) == {"In this folder": 2}
    assert listed(admin, deepest[0]) == 2


def test_a_folder_of_one_workspace_is_shown_with_the_folder_above(admin: Client) -> None:
    organization = OrganizationFactory.create()
    made(organization, *(f"/apps/app{number}/terraform" for number in range(30)), "/apps/shared", "/apps/shared/a")
    found = groups(admin, groups(admin)[0].inside)
    assert numbers(found) == {"In this folder": 30, "shared": 2}
    assert len(found[0].workspaces) == 10
    assert found[0].more == 20


def test_a_person_sees_the_folders_of_their_workspaces(sign_in: Callable[..., Client]) -> None:
    mine, others = OrganizationFactory.create(name="mine"), OrganizationFactory.create(name="others")
    made(mine, "/a/x", "/a/y", "/b/x", "/b/y")
    made(others, "/secret/x", "/secret/y", "/more/x", "/more/y")
    reader = sign_in(mine, role="read")
    found = groups(reader)
    assert numbers(found) == {LIVE: 4}
    others_address = found[0].inside.replace(str(mine.pk), str(others.pk))
    assert numbers(groups(reader, others_address)) == {LIVE: 4}
    assert numbers(groups(reader, found[0].inside)) == {"a": 2, "b": 2}


@pytest.mark.parametrize("query", ["organization=x&source=y", "path=..%2F", "source=x&organization=1", "page=-2"])
def test_a_strange_address_shows_the_repositories(admin: Client, query: str) -> None:
    made(OrganizationFactory.create(), "/a")
    assert numbers(groups(admin, f"{ADDRESS}?{query}")) == {LIVE: 1}


def test_the_filter_of_a_folder_shows_where_it_is_in_use_alone(admin: Client) -> None:
    made(OrganizationFactory.create(), "/a/x", "/ab/y")
    address = reverse("admin:workspaces_workspace_changelist")
    shown: Any = admin.get(address, {"in_folder": "/a"})
    assert shown.context_data["cl"].result_count == 1
    assert "in_folder" in str([getattr(one, "parameter_name", "") for one in shown.context_data["cl"].filter_specs])
    shown = admin.get(address)
    assert "in_folder" not in str([getattr(one, "parameter_name", "") for one in shown.context_data["cl"].filter_specs])


def test_many_folders_take_as_many_queries_as_few(admin: Client) -> None:
    organization = OrganizationFactory.create()

    def asked(address: str) -> int:
        with CaptureQueriesContext(connection) as found:
            groups(admin, address)
        return len(found)

    made(organization, "/a/x", "/a/y", "/b/x", "/b/y")
    inside = groups(admin)[0].inside
    few = asked(ADDRESS), asked(inside)
    made(organization, *(f"/f{number}/{leaf}" for number in range(60) for leaf in "xy"))
    for number in range(10):
        made(organization, "/x", source=f"https://git.example/{number}.git")
    assert (asked(ADDRESS), asked(inside)) == few
