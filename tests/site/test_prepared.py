"""Queries that are built once are planned once for a connection to PostgreSQL, wherever that is safe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import PropertyMock

import psycopg
import pytest
from django.db import NotSupportedError, connection, transaction
from django.db.models import QuerySet, Value
from django.test.utils import CaptureQueriesContext

from terrakube_site.database.built_once import BuiltOnce
from tests.factories import WorkspaceFactory
from workspaces.models import Collection, Job, Organization, Workspace

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def own_connection() -> Iterator[None]:
    """A connection that has prepared nothing, and that no other test gets."""
    connection.close()
    yield
    connection.close()


@pytest.fixture
def workspace() -> Workspace:
    made: Workspace = WorkspaceFactory.create()
    # Its own statements are prepared, too.
    connection.close()
    return made


@pytest.fixture
def named() -> BuiltOnce:
    return BuiltOnce(lambda name: Organization.objects.filter(name=name).values_list("name", "description"))


def _prepared() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        return [statement for (statement,) in cursor.fetchall()]


def test_a_connection_prepares_a_query_once_and_no_other(workspace: Workspace, named: BuiltOnce) -> None:
    name = workspace.organization.name
    for wanted in (name, "other", name):
        assert [row[0] for row in named.rows(wanted)] == [name] * (wanted == name)
        assert Organization.objects.filter(name=name).exists()
    assert [("workspaces_organization" in text, "$1" in text, "$2" in text) for text in _prepared()] == [
        (True, True, False)
    ]


def test_nothing_is_prepared_behind_a_pooler(
    workspace: Workspace, named: BuiltOnce, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psycopg.ConnectionInfo, "backend_pid", PropertyMock(return_value=7))
    assert len(named.rows(workspace.organization.name)) == 1
    assert len(named.rows(workspace.organization.name)) == 1
    assert _prepared() == []


def test_constants_are_in_the_text_with_their_signs(workspace: Workspace) -> None:
    def build(key: Any) -> QuerySet[Any, Any]:
        rows = Workspace.objects.filter(pk=key)
        one = rows.filter(name__startswith=workspace.name[:2]).values_list(Value("100 %"), "name")
        return one.union(rows.exclude(name__contains="%s%").values_list(Value("it's %s"), "name"), all=True)

    assert sorted(BuiltOnce(build).rows(workspace.pk)) == [("100 %", workspace.name), ("it's %s", workspace.name)]
    assert "'100 %'" in _prepared()[0]


def test_a_number_that_is_too_large_for_its_column_finds_nothing(workspace: Workspace) -> None:
    job = Job.objects.create(workspace=workspace, organization=workspace.organization)
    Collection.objects.create(organization=workspace.organization, name="one", priority=100)
    by_number = BuiltOnce(lambda number: Collection.objects.filter(priority=number))
    by_key = BuiltOnce(lambda key: Job.objects.filter(pk=key))
    assert len(by_number.rows(100)) == len(by_key.rows(job.pk)) == 1
    for size in (16, 32, 64, 80):
        assert by_number.rows(2**size + 100) == by_key.rows(2**size + job.pk) == []


def test_what_is_prepared_is_logged_as_any_statement(workspace: Workspace, named: BuiltOnce) -> None:
    for _ in range(3):
        with CaptureQueriesContext(connection) as captured:
            named.rows(workspace.organization.name)
        (logged,) = captured.captured_queries
        assert "workspaces_organization" in logged["sql"]


@pytest.fixture
def widen() -> Iterator[Callable[[], None]]:
    """A function that gives a column another type by another connection, as a migration does; taken back afterwards."""
    options = connection.get_connection_params()
    address = {name: options[name] for name in ("dbname", "user", "password", "host", "port") if name in options}
    alter = "ALTER TABLE workspaces_organization ALTER COLUMN description TYPE "
    usual = Organization._meta.get_field("description").db_type(connection)
    with psycopg.connect(**address, autocommit=True) as other:

        def widen() -> None:
            other.execute(alter + "varchar(9000)")

        yield widen
        connection.close()
        other.execute(f"{alter}{usual}")


def test_a_column_of_another_type_is_read_all_the_same(
    workspace: Workspace, named: BuiltOnce, widen: Callable[[], None]
) -> None:
    name = workspace.organization.name
    named.rows(name)
    widen()
    assert [row[0] for row in named.rows(name)] == [name]
    assert [row[0] for row in named.rows(name)] == [name]


def test_a_transaction_meets_a_column_of_another_type_once(
    workspace: Workspace, named: BuiltOnce, widen: Callable[[], None]
) -> None:
    name = workspace.organization.name
    named.rows(name)
    widen()
    with pytest.raises(NotSupportedError), transaction.atomic():
        named.rows(name)
    with transaction.atomic():
        assert [row[0] for row in named.rows(name)] == [name]
