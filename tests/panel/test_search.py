"""The panel's search: what it finds, for whom, at which price, and that it needs no script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import (
    PLAN,
    CollectionFactory,
    GlobalVariableFactory,
    ItemFactory,
    OrganizationFactory,
    TeamFactory,
    UserFactory,
    VariableFactory,
    WorkspaceFactory,
    member,
)
from workspaces.models import Access, Job, Organization, Workspace
from workspaces.services.jobs import create_job
from workspaces.services.workspaces import delete_workspace

pytestmark = pytest.mark.django_db
SEARCH = "/admin/search/"
COMMIT = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"
QUERIES = 20


@pytest.fixture
def network() -> Workspace:
    found: Workspace = WorkspaceFactory.create(
        name="network-prod", description="Routers", organization=OrganizationFactory.create(name="acme")
    )
    return found


def job_of(workspace: Workspace, **columns: Any) -> Job:
    job = create_job(workspace, by=None, tcl=PLAN)
    Job.objects.filter(pk=job.pk).update(**columns)
    return job


def found(client: Client, text: str) -> dict[str, list[str]]:
    return titles(client.get(SEARCH, {"q": text, "part": "1"}))


def titles(page: Any) -> dict[str, list[str]]:
    """The titles of the hits by their group."""
    assert page.status_code == 200
    return {str(group.title): [hit.title for hit in group.hits] for group in page.context["groups"]}


@pytest.mark.parametrize("text", ["network-prod", "NETWORK", "acme prod", "routers", "  prod  "])
def test_a_workspace_is_found_by_words_of_its_name_organization_and_description(
    text: str, admin: Client, network: Workspace
) -> None:
    WorkspaceFactory.create(name="other", organization=network.organization)
    page: Any = admin.get(SEARCH, {"q": text})
    assert titles(page)["Workspaces"] == ["network-prod"]
    assert reverse("admin:workspaces_workspace_overview", args=[network.pk]) in page.content.decode()


def test_names_that_begin_with_the_text_come_first(admin: Client) -> None:
    for name in ("a-net", "net-b", "net", "z-net"):
        WorkspaceFactory.create(name=name)
    assert found(admin, "net")["Workspaces"] == ["net", "net-b", "a-net", "z-net"]


@pytest.mark.parametrize("text", [COMMIT, COMMIT[:7], COMMIT[:8].upper(), "ada@site.example", "Lovelace", "ada-at-git"])
def test_a_job_is_found_by_its_commit_and_by_who_started_it(text: str, admin: Client, network: Workspace) -> None:
    UserFactory.create(username="ada", email="ada@site.example", last_name="Lovelace")
    job = job_of(network, commit_id=COMMIT, created_by="ada@site.example", author="ada-at-git")
    job_of(network, commit_id="0a1b2cff" + COMMIT[8:], created_by="bob", author="bob-at-git")
    assert found(admin, text)["Jobs"] == [f"#{job.pk}"]


def test_a_job_is_found_by_its_number(admin: Client, network: Workspace) -> None:
    job = job_of(network)
    assert found(admin, str(job.pk))["Jobs"] == [f"#{job.pk}"]
    assert found(admin, f"#{job.pk}")["Jobs"] == [f"#{job.pk}"]
    assert "Jobs" not in found(admin, "9" * 19)


def test_a_job_with_the_number_stands_before_workspaces_with_its_digits(admin: Client, network: Workspace) -> None:
    job = job_of(network)
    WorkspaceFactory.create(name=f"zone-{job.pk}", organization=network.organization)
    assert list(found(admin, str(job.pk))) == ["Jobs", "Workspaces"]
    assert next(iter(found(admin, "network"))) == "Workspaces"


def test_a_variable_is_found_by_its_key_and_never_by_its_value(admin: Client, network: Workspace) -> None:
    VariableFactory.create(workspace=network, key="DB_PASSWORD", value="hunter2", sensitive=True)
    VariableFactory.create(workspace=network, key="DB_HOST", value="db.example")
    GlobalVariableFactory.create(organization=network.organization, key="DB_USER", value="someone")
    assert found(admin, "db_")["Variables"] == ["DB_HOST", "DB_PASSWORD", "DB_USER"]
    assert "hunter2" not in admin.get(SEARCH, {"q": "db_"}).content.decode()
    for value in ("hunter2", "db.example", "someone"):
        assert "Variables" not in found(admin, value)


def test_a_setting_is_found_by_its_label_and_by_its_variable(admin: Client) -> None:
    assert found(admin, "memory limit")["Settings"][0] == "Memory limit"
    assert "Memory limit" in found(admin, "EPHEMERAL_MEMORY_LIMIT")["Settings"]


def test_a_variable_of_a_collection_is_found_and_leads_to_it(admin: Client, network: Workspace) -> None:
    collection = CollectionFactory.create(organization=network.organization, name="shared")
    ItemFactory.create(collection=collection, key="DB_URL", value="hunter2")
    page: Any = admin.get(SEARCH, {"q": "db_u"})
    (group,) = page.context["groups"]
    (hit,) = group.hits
    assert (group.title, hit.title, hit.detail) == ("Variables", "DB_URL", "Collection shared")
    assert hit.address == reverse("admin:workspaces_collection_change", args=[collection.pk])
    assert "Variables" not in found(admin, "hunter2")


def test_a_setting_is_found_where_it_is_set(admin: Client, network: Workspace, sign_in: Callable[..., Client]) -> None:
    setting = {"key": "EPHEMERAL_CONFIG_TOLERATIONS", "category": "ENV", "value": "hunter2"}
    organization = network.organization
    collection = CollectionFactory.create(organization=organization, name="shared")
    foreign = WorkspaceFactory.create(name="foreign", organization=OrganizationFactory.create(name="others"))
    VariableFactory.create(workspace=foreign, **setting)
    shared = GlobalVariableFactory.create(organization=organization, **setting)
    ItemFactory.create(collection=collection, **setting)
    VariableFactory.create(workspace=network, **setting | {"key": "EPHEMERAL_CONFIG_TOLERATIONS_PLAN"})
    # No setting of a pod: terraform gets it.
    other = WorkspaceFactory.create(name="other", organization=organization)
    VariableFactory.create(workspace=other, **setting | {"category": "TERRAFORM"})

    def places(client: Client, text: str) -> list[tuple[str, str, str]]:
        page: Any = client.get(SEARCH, {"q": text})
        assert "hunter2" not in page.content.decode()
        groups = {group.title: group.hits for group in page.context["groups"]}
        return [(hit.title, hit.detail, hit.address) for hit in groups.get("Where settings are set", [])]

    reader = sign_in(organization, role="read")
    expected = [
        ("Tolerations", "All workspaces of acme", reverse("admin:workspaces_globalvariable_change", args=[shared.pk])),
        (
            "Tolerations", "Collection shared · acme",
            reverse("admin:workspaces_collection_change", args=[collection.pk]),
        ),
        (
            "Tolerations · Plan", "network-prod · acme",
            reverse("admin:workspaces_workspace_pods", args=[network.pk]),
        ),
    ]  # fmt: skip
    assert places(reader, "tolerations") == expected
    assert places(reader, "EPHEMERAL_CONFIG_TOL") == expected
    assert places(reader, "memory limit") == []
    assert "foreign · others" in [detail for _title, detail, _address in places(admin, "tolerations")]


def test_a_page_is_found_by_its_name_in_the_language_of_the_reader(admin: Client) -> None:
    assert found(admin, "policy")["Pages"] == ["Policy"]
    page: Any = admin.get(SEARCH, {"q": "zeitpl"}, headers={"Accept-Language": "de"})
    assert [hit.title for group in page.context["groups"] for hit in group.hits] == ["Zeitpläne"]


@pytest.fixture
def strangers(network: Workspace) -> None:
    """Something of each kind with the same word, in an organization of other people."""
    workspace = WorkspaceFactory.create(name="network-theirs", organization=OrganizationFactory.create(name="others"))
    VariableFactory.create(workspace=workspace, key="network_theirs")
    GlobalVariableFactory.create(organization=workspace.organization, key="network_secret")
    job_of(workspace, created_by="network", commit_id=COMMIT)


def test_a_person_finds_only_what_their_teams_open(
    network: Workspace, strangers: None, sign_in: Callable[..., Client]
) -> None:
    client = sign_in(network.organization, role="read")
    assert found(client, "network") == {"Workspaces": ["network-prod"]}
    assert "Jobs" not in found(client, COMMIT)
    assert "Jobs" not in found(client, str(Job.objects.get(commit_id=COMMIT).pk))


def test_an_access_to_one_workspace_finds_it_alone(network: Workspace, strangers: None) -> None:
    WorkspaceFactory.create(name="network-beside", organization=network.organization)
    VariableFactory.create(workspace=network, key="network_key")
    GlobalVariableFactory.create(organization=network.organization, key="network_of_all")
    user = member(TeamFactory.create(name="GUESTS"))
    user.is_staff = True
    user.save()
    Access.objects.create(workspace=network, name="GUESTS", role="read")
    client = Client()
    client.force_login(user)
    assert found(client, "network") == {"Workspaces": ["network-prod"], "Variables": ["network_key"]}


def test_pages_of_administrators_are_found_by_them_alone(network: Workspace, sign_in: Callable[..., Client]) -> None:
    assert "Pages" not in found(sign_in(network.organization, role="admin"), "failed sign-ins")


def test_who_is_in_no_team_finds_nothing(network: Workspace) -> None:
    client = Client()
    client.force_login(UserFactory.create(is_staff=True))
    assert found(client, "network") == {}


def test_what_is_deleted_is_not_found(admin: Client, network: Workspace) -> None:
    VariableFactory.create(workspace=network, key="network_key")
    delete_workspace(network, by=None)
    assert found(admin, "network") == {}
    disabled: Organization = OrganizationFactory.create(disabled=True)
    WorkspaceFactory.create(name="network-off", organization=disabled)
    assert found(admin, "network") == {}


def test_signed_out_the_search_leads_to_the_sign_in_and_back(client: Client) -> None:
    answer = client.get(SEARCH, {"q": "net"})
    assert answer.status_code == 302
    assert answer["Location"] == "/admin/login/?next=/admin/search/%3Fq%3Dnet"


@pytest.mark.parametrize("text", ["", "   ", "%", "_", "'", "<b>", "a" * 5000], ids=lambda text: f"{text[:5]}")
def test_strange_texts_find_nothing_and_break_nothing(text: Any, admin: Client, network: Workspace) -> None:
    page: Any = admin.get(SEARCH, {"q": text})
    assert page.status_code == 200
    assert "<b>" not in page.content.decode().replace("<b></b>", "")


@pytest.mark.parametrize("text", ["a b c d e", "1234", COMMIT, "a"])
def test_a_search_takes_the_same_queries_however_much_there_is(text: str, admin: Client, network: Workspace) -> None:
    for number in range(20):
        workspace = WorkspaceFactory.create(name=f"a-{number}", organization=network.organization)
        VariableFactory.create(workspace=workspace, key=f"a_{number}")
        job_of(workspace, commit_id=COMMIT, created_by="a")
    with CaptureQueriesContext(
        connection,
    ) as asked:
        page: Any = admin.get(SEARCH, {"q": text})
    assert len(asked) <= QUERIES
    assert all(len(group.hits) <= 8 for group in page.context["groups"])


def test_each_page_has_the_search_and_it_is_a_form_without_script(admin: Client) -> None:
    page = admin.get(reverse("admin:workspaces_job_changelist")).content.decode()
    assert f'href="{SEARCH}"' in page
    assert f'<form action="{SEARCH}"' in page
    part = admin.get(SEARCH, {"q": "policy", "part": "1"}).content.decode()
    assert "<html" not in part
    assert reverse("admin:workspaces_policyrule_changelist") in part
