"""Saved filters of the lists of workspaces and jobs: a person's own, shared ones, and the one a list opens with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import PLAN, OrganizationFactory, WorkspaceFactory
from tests.support.markup import without_breaks
from workspaces.models import ListPreference, SavedFilter, Workspace
from workspaces.services.jobs import create_job
from workspaces.services.saved_filters import MOST

pytestmark = pytest.mark.django_db

LIST = "admin:workspaces_{}_changelist"
VIEW = "admin:workspaces_{}_list_view"
QUERY = "locked__exact=1&q=net"


def act(client: Client, do: str, kind: str = "workspace", **data: Any) -> str:
    """Post an act and return what the page after it says."""
    response: Any = client.post(reverse(VIEW.format(kind)), {"do": do, **data}, follow=True)
    assert response.status_code == 200, response.status_code
    return str(without_breaks(response.content.decode()))


def shown(client: Client, kind: str = "workspace", query: str = "q=") -> str:
    response = client.get(f"{reverse(LIST.format(kind))}?{query}")
    assert response.status_code == 200
    return str(without_breaks(response.content.decode()))


def only() -> SavedFilter:
    return SavedFilter.objects.get()


def test_a_person_saves_renames_replaces_and_deletes_a_filter(admin: Client, workspace: Workspace) -> None:
    assert "Save this filter…" in shown(admin, query=f"{QUERY}&p=1")
    assert "Save this filter…" not in shown(admin)
    act(admin, "save", name=" Locked nets ", query=f"{QUERY}&p=1&e=1")
    saved = only()
    assert (saved.name, saved.query) == ("Locked nets", QUERY)
    page = shown(admin)
    assert f'href="?{QUERY.replace("&", "&amp;")}"' in page
    assert "Locked nets" in page
    assert "Save this filter…" not in shown(admin, query="q=net&locked__exact=1")
    act(admin, "rename", filter=saved.pk, name="Nets")
    act(admin, "replace", filter=saved.pk, query="q=other")
    saved.refresh_from_db()
    assert (saved.name, saved.query) == ("Nets", "q=other")
    assert "Nets" in shown(admin)
    act(admin, "delete", filter=saved.pk)
    assert not SavedFilter.objects.exists()


def test_another_users_filter_is_neither_seen_nor_changed(
    admin: Client, workspace: Workspace, sign_in: Callable[..., Client]
) -> None:
    owner = sign_in(workspace.organization, role="read")
    act(owner, "save", name="Mine alone", query=QUERY)
    saved = only()
    for other in (admin, sign_in(workspace.organization, role="admin")):
        assert "Mine alone" not in shown(other)
        assert "Mine alone" not in other.get(reverse(VIEW.format("workspace"))).content.decode()
        for do in ("rename", "replace", "delete", "open"):
            answer = other.post(reverse(VIEW.format("workspace")), {"do": do, "filter": saved.pk, "name": "x"})
            assert answer.status_code == 404, do
    assert only().name == "Mine alone"
    assert not ListPreference.objects.exists()


def test_who_manages_an_organization_shares_filters_with_its_teams(
    workspace: Workspace, sign_in: Callable[..., Client]
) -> None:
    organization = workspace.organization
    writer, reader = sign_in(organization, role="write"), sign_in(organization, role="read")
    stranger = sign_in(OrganizationFactory.create(), role="admin")
    said = act(reader, "save", name="Ours", query=QUERY, organization=organization.pk)
    assert "You may not share a filter" in said
    assert "There is no such organization." in act(
        stranger, "save", name="O", query=QUERY, organization=organization.pk
    )
    assert not SavedFilter.objects.exists()
    act(writer, "save", name="Ours", query=QUERY, organization=organization.pk)
    saved = only()
    assert saved.owner is None
    assert "Ours" in shown(reader)
    assert "Ours" not in shown(stranger)
    for do in ("rename", "replace", "delete"):
        said = act(reader, do, filter=saved.pk, name="Stolen", query="q=x")
        assert "You may not share a filter" in said
    saved.refresh_from_db()
    assert (saved.name, saved.query) == ("Ours", QUERY)
    act(sign_in(organization, role="admin"), "rename", filter=saved.pk, name="All of ours")
    assert "All of ours" in shown(reader)


def test_a_list_opens_with_the_default_until_it_is_taken_away(
    workspace: Workspace, sign_in: Callable[..., Client]
) -> None:
    reader, other = (sign_in(workspace.organization, role="read") for _ in range(2))
    address = reverse(LIST.format("workspace"))
    act(reader, "save", name="Nets", query="q=net", default="1")

    def opened(client: Client, **headers: str) -> HttpResponse:
        return client.get(address, **headers)  # type: ignore[return-value, arg-type]

    assert opened(reader)["Location"] == f"{address}?q=net"
    assert opened(reader, HTTP_REFERER="https://site.example/admin/")["Location"] == f"{address}?q=net"
    # "Clear all filters" of the list itself leads to the address without a query.
    assert opened(reader, HTTP_REFERER=f"https://site.example{address}?q=net").status_code == 200
    assert reader.get(reverse(LIST.format("job"))).status_code == 200
    assert opened(other).status_code == 200
    act(reader, "open-all", filter=only().pk)
    assert opened(reader).status_code == 200
    act(reader, "open", filter=only().pk)
    assert opened(reader).status_code == 302
    act(reader, "delete", filter=only().pk)
    assert opened(reader).status_code == 200


def test_a_default_that_is_shared_no_longer_opens_nothing(workspace: Workspace, sign_in: Callable[..., Client]) -> None:
    writer = sign_in(workspace.organization, role="write")
    act(writer, "save", name="Nets", query="q=net", default="1", organization=workspace.organization_id)
    workspace.organization.teams.all().delete()
    assert writer.get(reverse(LIST.format("workspace"))).status_code != 302


def test_an_order_is_kept_by_the_name_of_its_column(admin: Client, workspace: Workspace) -> None:
    act(admin, "save", kind="job", name="Longest", query="o=-8.1")
    saved = only()
    assert saved.query == "o=-span.number"
    first, second = (create_job(workspace, by=None, tcl=PLAN) for _ in range(2))
    listed: Any = admin.get(f"{reverse(LIST.format('job'))}?{saved.query}")
    assert [job.pk for job in listed.context_data["cl"].result_list] == [first.pk, second.pk]
    assert listed.context_data["cl"].get_ordering_field_columns() == {8: "desc", 1: "asc"}
    turned: Any = admin.get(f"{reverse(LIST.format('job'))}?o=-number")
    assert [job.pk for job in turned.context_data["cl"].result_list] == [second.pk, first.pk]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"name": "", "query": QUERY}, "name: This field cannot be blank."),
        ({"name": "x" * 65, "query": QUERY}, "at most 64 characters"),
        ({"name": "x", "query": ""}, "The list shows everything"),
        ({"name": "x", "query": "q=" + "y" * 2000}, "at most 2000 are allowed"),
        ({"name": "x", "query": "vcs__client_secret__startswith=a"}, "The list has no such filter."),
        ({"name": "x", "query": "nothing=1"}, "The list has no such filter."),
        ({"name": "x", "query": QUERY, "organization": "none"}, "There is no such organization."),
        ({"name": "taken", "query": QUERY}, "A saved filter named taken already exists."),
    ],
)
def test_what_cannot_be_saved_is_refused_with_the_reason(admin: Client, data: dict[str, str], said: str) -> None:
    act(admin, "save", name="taken", query=QUERY)
    assert said in act(admin, "save", **data)
    assert only().name == "taken"


def test_a_person_has_so_many_filters_and_no_more(admin: Client, workspace: Workspace) -> None:
    act(admin, "save", name="first", query=QUERY)
    owner = only().owner
    SavedFilter.objects.bulk_create(
        SavedFilter(panel_list="workspace", name=f"{number}", query="q=x", owner=owner) for number in range(MOST - 1)
    )
    assert f"There are {MOST} filters already." in act(admin, "save", name="last", query=QUERY)


def test_a_list_takes_as_many_queries_with_many_filters(workspace: Workspace, sign_in: Callable[..., Client]) -> None:
    client = sign_in(workspace.organization, role="write")

    def asked(address: str) -> int:
        with CaptureQueriesContext(connection) as found:
            assert client.get(address).status_code == 200
        return len(found)

    act(client, "save", name="one", query=QUERY)
    addresses = [reverse(name.format("workspace")) + "?q=net" for name in (LIST, VIEW)]
    few = [asked(address) for address in addresses]
    for _number in range(8):
        other = WorkspaceFactory.create(organization=workspace.organization)
        SavedFilter.objects.create(
            panel_list="workspace", name=f"shared {other.name}", query="q=x", organization=workspace.organization
        )
        act(client, "save", name=other.name, query="q=y")
    assert [asked(address) for address in addresses] == few
