"""The histories of workspaces and organizations over REST, and whom they name."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.api.client import Api, detail, token_of
from tests.factories import UserFactory, VariableFactory, WorkspaceFactory
from workspaces.models import Access, HistoryEntry, Organization, Variable, Workspace
from workspaces.services.records import create_record, delete_record, update_record

pytestmark = pytest.mark.django_db
SECRET = "s3cr3t-of-the-test"


@pytest.fixture
def reader(organization: Organization) -> Api:
    return Api(token_of("READERS"), prefix="/")


def attributes(api: Api, path: str) -> list[dict[str, Any]]:
    return [one["attributes"] for one in api.read(path)["data"]]


def test_a_change_is_read_with_old_and_new_value(owner: Api, reader: Api, workspace: Workspace) -> None:
    variable = VariableFactory.create(workspace=workspace, key="region", value="eu-1", category="TERRAFORM")
    VariableFactory.create(workspace=workspace, key="TOKEN", value=SECRET, sensitive=True)
    path = f"organization/{workspace.organization_id}/workspace/{workspace.pk}/variable/{variable.pk}"
    assert owner.patch(path, "variable", {"value": "eu-2"}).status_code == 204
    found = reader.read(f"history/v1/workspace/{workspace.pk}?filter[kind]=variable&filter[verb]=changed")
    [entry] = found["data"]
    assert entry["type"] == "history_entry"
    said = entry["attributes"]
    assert (said["record"], said["what"], said["door"], said["who"]) == (
        "region",
        "changed",
        "api",
        "owner@example.com",
    )
    assert {"field": "Value", "before": "eu-1", "after": "eu-2"} in said["changes"]
    assert found["links"] == {"next": None}
    assert SECRET not in json.dumps(reader.read(f"history/v1/organization/{workspace.organization_id}"))


def test_pages_follow_each_other_to_the_end(
    reader: Api, workspace: Workspace, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    VariableFactory.create_batch(5, workspace=workspace)
    path, seen = f"history/v1/workspace/{workspace.pk}?filter[kind]=variable&page[size]=2", list[str]()
    while path:
        with django_assert_max_num_queries(14):
            page = reader.read(path)
        assert len(page["data"]) <= 2
        seen += [one["id"] for one in page["data"]]
        path = (page["links"]["next"] or "").partition("/history/")[2]
        path = f"history/{path}" if path else ""
    expected = HistoryEntry.objects.filter(workspace_key=workspace.pk, kind="variable").values_list("pk", flat=True)
    assert seen == [str(key) for key in expected]
    assert len(seen) == 5


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("filter[verb]=eaten", "filter[verb]"),
        ("filter[since]=yesterday", "filter[since]"),
        ("page[after]=x", "page[after]"),
        ("page[size]=501", "page[size] is a whole number from 1 to 500"),
        ("filter[verbs]=changed", "the parameters are filter[who]"),
    ],
)
def test_what_is_no_filter_is_refused_with_its_name(reader: Api, workspace: Workspace, asked: str, said: str) -> None:
    response = reader.get(f"history/v1/workspace/{workspace.pk}?{asked}")
    assert response.status_code == HTTPStatus.BAD_REQUEST
    assert said in detail(response)


def test_each_caller_gets_what_they_see(reader: Api, stranger: Api, workspace: Workspace) -> None:
    other = WorkspaceFactory.create(organization=workspace.organization, name="other")
    VariableFactory.create(workspace=workspace, key="mine")
    VariableFactory.create(workspace=other, key="hers")
    Access.objects.create(workspace=workspace, name="GUESTS", role="read")
    guest = Api(token_of("GUESTS"), prefix="/")
    whole = f"history/v1/organization/{workspace.organization_id}"
    assert {"mine", "hers"} <= {one["record"] for one in attributes(reader, whole)}
    assert {one["workspace"] for one in attributes(guest, whole)} == {workspace.name}
    assert guest.get(f"history/v1/workspace/{other.pk}").status_code == HTTPStatus.NOT_FOUND
    assert "access" not in {one["kind"] for one in attributes(guest, whole)}, "who manages accesses sees these"
    stranger.prefix = "/"
    for path in (whole, f"history/v1/workspace/{workspace.pk}"):
        assert stranger.get(path).status_code == HTTPStatus.NOT_FOUND
        assert Api(prefix="/").get(path).status_code == HTTPStatus.UNAUTHORIZED


def test_a_change_outside_of_a_request_names_the_user_that_the_service_got(workspace: Workspace) -> None:
    user = UserFactory.create(email="ann@example.org", is_superuser=True)
    variable = create_record(Variable(workspace=workspace, key="region", value="eu-1", category="ENV"), by=user)
    update_record(variable, {"value": "eu-2"}, by=user)
    delete_record(variable, by=user)
    entries = HistoryEntry.objects.filter(kind="variable")
    assert {(entry.verb, entry.who, entry.who_kind, entry.door) for entry in entries} == {
        (verb, "ann@example.org", "person", "site") for verb in ("created", "changed", "deleted")
    }
    create_record(Variable(workspace=workspace, key="other", value="x", category="ENV"), by=None)
    assert HistoryEntry.objects.get(record="other").who == ""
