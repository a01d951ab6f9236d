"""What the pages most used take, counted: Python calls and statements, which no busy machine changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from tests.factories import (
    PLAN,
    CollectionFactory,
    ItemFactory,
    OrganizationFactory,
    TeamFactory,
    VariableFactory,
    WorkspaceFactory,
)
from tests.support.work import counted_calls, kept_statements
from workspaces.models import Collection, Organization, Reference, Tag, Team, Workspace, WorkspaceTag
from workspaces.roles import granted_rights
from workspaces.services.jobs import create_job

pytestmark = pytest.mark.django_db
ROWS = 50
"""A page of a list."""

CALLS = {
    "start": 51_000,
    "workspaces": 58_000,
    "jobs": 58_000,
    "job": 36_000,
    "overview": 42_000,
    "variables": 70_000,
    "pods": 57_000,
    "access": 43_000,
    "settings": 64_000,
    "preview": 50_000,
    "collection": 170_000,
    "collection, to a reader": 143_000,
    "rights of many teams": 42_000,
}
"""Ceilings of Python calls, some 20 % above what each page takes on SQLite; 1,600 of them take about 1 ms."""


type Pages = dict[str, tuple[Client, str]]


@pytest.fixture
def large(admin: Client, sign_in: Callable[..., Client]) -> Pages:
    """The pages, each with who opens it: lists fill a page, the workspace has twenty variables, the collection fifty.

    The member is in a hundred teams that give no more than to read.
    """
    organization = OrganizationFactory.create()
    workspaces = WorkspaceFactory.create_batch(ROWS, organization=organization)
    tags = Tag.objects.bulk_create(Tag(organization=organization, name=f"tag-{number}") for number in range(10))
    WorkspaceTag.objects.bulk_create(
        WorkspaceTag(workspace=workspace, tag=tag) for workspace in workspaces for tag in tags[:2]
    )
    jobs = [create_job(workspace, by=None, tcl=PLAN) for workspace in workspaces]
    one = workspaces[0]
    for number in range(20):
        VariableFactory.create(workspace=one, key=f"key_{number}", value="value", category="ENV")
    tabs = ("overview", "variables", "pods", "access", "settings", "preview")
    collection = CollectionFactory.create(organization=organization)
    ItemFactory.create_batch(ROWS, collection=collection)
    Reference.objects.bulk_create(Reference(workspace=workspace, collection=collection) for workspace in workspaces)
    collection_address = reverse("admin:workspaces_collection_change", args=[collection.pk])
    member = sign_in(organization)
    groups = [Group.objects.create(name=f"readers-{number}") for number in range(100)]
    User.objects.get(is_superuser=False).groups.add(*groups)
    Team.objects.bulk_create(Team(organization=organization, name=group.name) for group in groups)
    by_admin = {
        "start": reverse("admin:index"),
        "workspaces": reverse("admin:workspaces_workspace_changelist"),
        "jobs": reverse("admin:workspaces_job_changelist"),
        "job": reverse("admin:workspaces_job_change", args=[jobs[0].pk]),
        **{tab: reverse(f"admin:workspaces_workspace_{tab}", args=[one.pk]) for tab in tabs},
        "collection": collection_address,
    }
    return {
        **{name: (admin, address) for name, address in by_admin.items()},
        "collection, to a reader": (member, collection_address),
        "rights of many teams": (member, reverse("admin:auth_user_own_rights")),
    }


def test_a_page_takes_no_more_calls_than_it_needs(large: Pages) -> None:
    taken = {}
    for page, (client, address) in large.items():
        assert client.get(address).status_code == 200  # what is made once for a process is made
        with counted_calls() as calls:
            client.get(address)
        taken[page] = calls.count

    assert taken.keys() == CALLS.keys()
    assert {page: count for page, count in taken.items() if count > CALLS[page]} == {}, taken


def _statements(client: Client, address: str) -> int:
    client.get(address)
    with kept_statements() as statements:
        assert client.get(address).status_code == 200
    return len(statements)


def _with_tag(workspace: Workspace, organization: Organization, number: int) -> None:
    tag = Tag.objects.create(organization=organization, name=f"tag-{number}")
    WorkspaceTag.objects.create(workspace=workspace, tag=tag)


def _with_collection(workspace: Workspace, organization: Organization, number: int) -> None:
    collection = Collection.objects.create(organization=organization, name=f"collection-{number}", priority=number)
    Reference.objects.create(workspace=workspace, collection=collection)


@pytest.mark.parametrize(("tab", "add"), [("settings", _with_tag), ("variables", _with_collection)])
def test_rows_that_choose_a_record_share_one_look_at_the_choices(
    tab: str, add: Callable[[Workspace, Organization, int], None], admin: Client, workspace: Workspace
) -> None:
    address = reverse(f"admin:workspaces_workspace_{tab}", args=[workspace.pk])
    add(workspace, workspace.organization, 1)
    with_one = _statements(admin, address)

    for number in range(2, 6):
        add(workspace, workspace.organization, number)

    assert _statements(admin, address) == with_one
    # Each of the five rows, and the one that is copied, has all five choices.
    names = [f"{'tag' if tab == 'settings' else 'collection'}-{number}" for number in range(1, 6)]
    page = admin.get(address).content.decode()
    assert [page.count(f">{name}</option>") for name in names] == [6] * 5


def test_the_form_and_the_head_of_a_workspace_share_one_look_at_its_pod_settings(
    admin: Client, workspace: Workspace
) -> None:
    with kept_statements() as statements:
        admin.get(reverse("admin:workspaces_workspace_pods", args=[workspace.pk]))

    read = [one for one in statements if 'FROM "workspaces_globalvariable"' in one]
    assert len(read) == 1


def test_a_member_of_many_teams_of_the_same_rights_takes_no_more_work_for_them(
    sign_in: Callable[..., Client], workspace: Workspace
) -> None:
    member = sign_in(workspace.organization, role="write")
    addresses = [
        reverse("admin:workspaces_workspace_changelist"),
        reverse("admin:workspaces_workspace_variables", args=[workspace.pk]),
    ]

    def asked() -> list[int]:
        counts = []
        for address in addresses:
            assert member.get(address).status_code == 200
            with counted_calls() as calls:
                member.get(address)
            counts.append(calls.functions[granted_rights.__code__])
        return counts

    with_one = asked()
    for number in range(30):
        group = Group.objects.create(name=f"same-{number}")
        TeamFactory.create(organization=workspace.organization, name=group.name, role="write")
        User.objects.get(is_staff=True).groups.add(group)

    assert min(with_one) > 0
    assert asked() == with_one
