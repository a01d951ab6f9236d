"""Queries that are built once find what the same query finds when Django builds it anew."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from django.db import connections, transaction
from django.db.models import Exists, OuterRef, QuerySet

from terrakube_site.database.built_once import BuiltOnce
from tests.factories import WorkspaceFactory
from workspaces.models import Job, Organization, Team, Workspace


@pytest.fixture
def workspace() -> Workspace:
    return WorkspaceFactory.create()


def _named(key: UUID, name: str, teams: tuple[str, ...]) -> QuerySet[Workspace]:
    given = Team.objects.filter(organization=OuterRef("organization"), name__in=teams)
    rows = Workspace.objects.filter(pk=key, name=name, organization__teams__name__in=teams)
    found: QuerySet[Workspace] = rows.select_related("organization").annotate(is_given=Exists(given))
    return found.defer("description")


@pytest.mark.django_db
def test_values_of_each_kind_take_their_places(workspace: Workspace, django_assert_num_queries: Any) -> None:
    for name in ("red", "blue"):
        Team.objects.create(organization=workspace.organization, name=name)
    query = BuiltOnce(_named)
    for teams, count in ((("red",), 1), (("red", "blue"), 2), (("green",), 0), ((), 0), (("blue",), 1)):
        found = query.rows(workspace.pk, workspace.name, teams)
        assert [(row, row.is_given) for row in found] == [(workspace, True)] * count, teams
    with django_assert_num_queries(1):
        (row,) = query.rows(workspace.pk, workspace.name, ("red",))
        assert row.organization == workspace.organization
        assert row.created_date == workspace.created_date
    assert query.rows(workspace.pk, "other", ("red",)) == []
    assert query.rows(workspace.organization_id, workspace.name, ("red",)) == []


@pytest.mark.django_db
def test_dictionaries_and_tuples_are_rows_too(workspace: Workspace) -> None:
    dictionaries = BuiltOnce(lambda key: Organization.objects.filter(pk=key).values("pk", "name", "disabled"))
    tuples = BuiltOnce(lambda key: Organization.objects.filter(pk=key).values_list("pk", "disabled"))
    key, name = workspace.organization_id, workspace.organization.name
    assert dictionaries.rows(key) == [{"pk": key, "name": name, "disabled": False}]
    assert tuples.rows(key) == [(key, False)]


@pytest.mark.django_db
def test_a_number_is_as_large_as_its_column_takes(workspace: Workspace) -> None:
    job = Job.objects.create(pk=2**40, organization=workspace.organization, workspace=workspace)
    query = BuiltOnce(lambda key: Job.objects.filter(pk=key))
    assert query.rows(2**40) == [job]
    assert query.rows(2**60) == []


@pytest.mark.django_db
def test_a_value_that_the_query_does_not_compare_is_refused() -> None:
    query = BuiltOnce(lambda name: Organization.objects.filter(name=name.strip("\0")))
    with pytest.raises(ValueError, match="not compared"):
        query.rows("example")


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_threads_share_a_query_and_no_connection(workspace: Workspace) -> None:
    query = BuiltOnce(lambda key: Organization.objects.filter(pk=key).values_list("name", flat=True))

    def ask(_number: int) -> list[str]:
        try:
            return query.rows(workspace.organization_id)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(ask, range(20))) == [[workspace.organization.name]] * 20


@pytest.mark.django_db
def test_a_query_that_asks_while_it_is_built_is_refused(workspace: Workspace) -> None:
    def build(key: UUID) -> QuerySet[Workspace]:
        return Workspace.objects.filter(
            pk=key, organization__in=list(Organization.objects.values_list("pk", flat=True))
        )

    with pytest.raises(RuntimeError, match="must not ask"):
        BuiltOnce(build).rows(workspace.pk)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_rows_are_locked_only_within_a_transaction(workspace: Workspace) -> None:
    query = BuiltOnce(lambda key: Organization.objects.select_for_update().filter(pk=key).order_by())
    with transaction.atomic():
        assert query.rows(workspace.organization_id) == [workspace.organization]
    with pytest.raises(transaction.TransactionManagementError):
        query.rows(workspace.organization_id)


@pytest.mark.django_db
def test_keys_in_tuples_are_found_and_tuples_of_many_lengths_share_a_query() -> None:
    workspaces = WorkspaceFactory.create_batch(4)
    built = []

    def among(keys: tuple[UUID, ...]) -> QuerySet[Workspace]:
        built.append(len(keys))
        return Workspace.objects.filter(pk__in=keys)

    query = BuiltOnce(among)
    for count in range(1, 5):
        assert {row.pk for row in query.rows(tuple(row.pk for row in workspaces[:count]))} == {
            row.pk for row in workspaces[:count]
        }
    assert query.rows(()) == []
    assert built == [1, 2, 5, 0]
