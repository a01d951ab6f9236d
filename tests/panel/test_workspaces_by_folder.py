"""The list of workspaces by repository and folder: the tree, its counts, the filter behind it, and its price."""

from __future__ import annotations

import html
import re
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
    return len(folders_listed(client, group.address))


def folders_listed(client: Client, address: str) -> set[tuple[str, str | None]]:
    response: Any = client.get(address)
    assert response.status_code == 200
    return {(one.name, one.folder) for one in response.context_data["cl"].queryset}


def assert_each_list_holds_what_its_group_counts(client: Client, address: str = ADDRESS) -> list[str]:
    """Return the names of the groups of a page and of the pages below it."""
    names, shown, total = [], set[Any](), 0
    for group in groups(client, address):
        rows = folders_listed(client, group.address)
        assert len(rows) == group.number, (address, group)
        assert {(one.name, one.folder) for one in group.workspaces} <= rows
        names.append(group.name)
        shown, total = shown | rows, total + group.number
        if group.inside:
            names += assert_each_list_holds_what_its_group_counts(client, group.inside)
    # No list holds what another of the page has.
    assert len(shown) == total
    return names


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
    assert [listed(admin, group) for group in live] == [1, 2, 2]
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


OWN = "In this folder"


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        # Fewer lie in the folder itself than below it, and the other way round.
        ((None, "/main", "/a/x", "/a/y", "/b/x", "/b/y"), [OWN, "a", OWN, "b", OWN]),
        ((None, "", "/", "/one", "/two", "/three/x", "/a/x", "/a/y"), [OWN, "a", OWN]),
        (("/a/p/x", "/a/p/y", "/a/p", "/a/q", "/a/r/x", "/c/x", "/c/y"), ["a", OWN, "p", OWN, "c", OWN]),
        # Every way to write one folder, and those that only look like it.
        (
            ("./a/b", "a//b", "a/./b", " a/b", "a/b ", "a/b , c", "/a/b/", "a/b,a/d", "A/b", "a/bc/x", "a/bc/y"),
            [OWN, "a", OWN, "bc", OWN],
        ),
        (
            ("/apps/x", "/apps/y", "/Apps/x", "/Apps/y", "/Apps", "/a_ps/x", "/a_ps/y"),
            ["Apps", OWN, "a_ps", OWN, "apps", OWN],
        ),
        # A blank belongs to the name.
        (("/a /x", "/a /y", "/a/x", "/a/y", "/ a/x", "/ a/y"), [" a", OWN, "a", OWN, "a ", OWN]),
        # A comma in the list of folders, and a folder named only in the rest of the list.
        (("/a/x,/b/x", "/a/y,/b", "/b/z", "/b/w", "/c,/a/x"), [OWN, "a", OWN, "b", OWN]),
    ],
)
def test_the_list_of_each_group_holds_what_the_group_counts(
    admin: Client, folders: tuple[str | None, ...], names: list[str]
) -> None:
    organization = OrganizationFactory.create()
    made(organization, *folders)
    made(organization, *folders, source="https://git.example/other.git")
    made(OrganizationFactory.create(), *folders)
    page = f"{ADDRESS}?organization={organization.pk}&source={LIVE}"
    assert assert_each_list_holds_what_its_group_counts(admin, page) == names


def test_a_deleted_workspace_divides_no_list(admin: Client) -> None:
    organization = OrganizationFactory.create()
    made(organization, "/a/x", "/b", "/c/x", "/c/y")
    Workspace.objects.bulk_create(
        Workspace(organization=organization, name=f"gone-{end}", folder=f"/a/{end}", source=LIVE, deleted=True)
        for end in ("x", "y")
    )
    found = groups(admin, groups(admin)[0].inside)
    assert numbers(found) == {OWN: 2, "c": 2}
    assert [listed(admin, group) for group in found] == [2, 2]


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
    assert_each_list_holds_what_its_group_counts(reader)


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


@pytest.mark.parametrize(
    ("query", "number", "shown"),
    [
        ({"in_folder": "/a/"}, 3, "/a"),
        ({"in_folder": "a"}, 3, "/a"),
        ({"in_folder": "/a/."}, 1, "In this folder: /a"),
        ({"in_folder": "/."}, 1, "In this folder: /"),
        ({"in_folder": "/"}, 4, "/"),
        ({"in_folder": "../a"}, 0, "/../a"),
        ({"in_folder": "/a/.", "source": [LIVE, "x"]}, 1, "In this folder: /a"),
        ({"in_folder": "/a/.", "source": "x"}, 0, "In this folder: /a"),
    ],
)
def test_the_filter_says_which_workspaces_it_shows(
    admin: Client, query: dict[str, Any], number: int, shown: str
) -> None:
    made(OrganizationFactory.create(), "/a/x", "/a/y/1", "/a/y/2", "/ab")
    response: Any = admin.get(reverse("admin:workspaces_workspace_changelist"), query)
    found = response.context_data["cl"]
    assert found.result_count == number
    [filtered] = [one for one in found.filter_specs if getattr(one, "parameter_name", "") == "in_folder"]
    assert filtered.lookup_choices == [(query["in_folder"], shown)]


def test_a_strange_organization_beside_a_folder_is_an_error_of_the_list(admin: Client) -> None:
    address = reverse("admin:workspaces_workspace_changelist")
    response = admin.get(address, {"in_folder": "/a/.", "organization__id__exact": "x", "source": LIVE})
    assert response.status_code == 302


def test_a_folder_takes_one_query_more_than_the_list(admin: Client) -> None:
    organization = OrganizationFactory.create()
    made(organization, *(f"/a/{number}" for number in range(4)), "/a/b/1", "/a/b/2")
    address = reverse("admin:workspaces_workspace_changelist")
    query = {"organization__id__exact": str(organization.pk), "source": LIVE}
    admin.get(address, query)
    asked = []
    for chosen in ({}, {"in_folder": "/a/"}, {"in_folder": "/a/."}):
        with CaptureQueriesContext(connection) as found:
            admin.get(address, {**query, **chosen})
        asked.append(len(found))
    assert asked == [asked[0], asked[0] + 1, asked[0] + 1]


def test_the_next_page_shows_the_rest_of_the_repositories_and_of_a_folder(admin: Client) -> None:
    organization = OrganizationFactory.create()
    many = [f"{number:02}" for number in range(27)]
    made(organization, *(f"/all & more/{name}/{leaf}" for name in many for leaf in "xy"), "/x")
    for name in many:
        made(organization, "/", source=f"https://git.example/{name}")
    inside = f"{ADDRESS}?organization={organization.pk}&source={LIVE}"
    below = next(group.inside for group in groups(admin, inside) if group.inside)
    for address, rest in ((ADDRESS, ["https://git.example/25", "https://git.example/26", LIVE]), (below, many[25:])):
        following = re.search(r'rel="next"\s+href="([^"]+)"', admin.get(address).content.decode())
        assert following, address
        second = ADDRESS + html.unescape(following[1])
        assert [group.name for group in groups(admin, second)] == rest
        assert 'rel="prev"' in admin.get(second).content.decode()


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
