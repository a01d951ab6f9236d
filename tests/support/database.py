"""Which tests touch the database, and the end of it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

_ASKED_FOR = {"db", "transactional_db", "live_server"}
DATABASE_FIXTURES = {*_ASKED_FOR, "django_db_setup"}

WITHOUT_DATABASE = pytest.StashKey[int]()
"""How many tests ``--database-only`` left out."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run on another database leave out what would be the same there."""
    parser.addoption("--database-only", action="store_true", help="only tests that touch the test database")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that may not touch the database, after those that ``-m`` leaves out."""
    if not config.option.database_only:
        return
    others = {item for item in items if not _touches_database(item)}
    items[:] = [item for item in items if item not in others]
    config.hook.pytest_deselected(items=list(others))
    config.stash[WITHOUT_DATABASE] = len(others)
    if (output := getattr(config, "workeroutput", None)) is not None:
        output["without_database"] = len(others)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over from a worker of xdist how many these were: each of them collects the same."""
    if (count := getattr(node, "workeroutput", {}).get("without_database")) is not None:
        node.config.stash[WITHOUT_DATABASE] = count


def is_set_up(items: Sequence[pytest.Item]) -> bool:
    """Whether pytest-django sets up the test database for a run of these tests.

    It does for this mark and these fixtures, not for ``django_db_setup`` alone: in a run without any of them the
    connection is still to the database of whoever runs the tests.
    """
    return any(
        item.get_closest_marker("django_db") is not None or not _ASKED_FOR.isdisjoint(getattr(item, "fixturenames", ()))
        for item in items
    )


def _touches_database(item: pytest.Item) -> bool:
    fixtures: Sequence[str] = getattr(item, "fixturenames", ())
    return item.get_closest_marker("django_db") is not None or not DATABASE_FIXTURES.isdisjoint(fixtures)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """End the sessions that are left on the test database before it is dropped.

    The threads in which asynchronous views ask the database live as long as the process and keep their connections,
    as they should; PostgreSQL drops no database while somebody is connected to it.
    """
    yield
    if connection.vendor != "postgresql":
        return
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s",
            [connection.connection.info.backend_pid],
        )


@pytest.fixture(scope="module")
def shared_rows(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Rows that the tests of a module share: made once in ``with shared_rows():``, gone after the last of them.

    Each test still ends as it began, since its own transaction is a part of this one. Not for tests that commit.
    """
    outer = transaction.atomic()
    outer._from_testcase = True  # type: ignore[attr-defined]
    with django_db_blocker.unblock():
        outer.__enter__()
    yield django_db_blocker.unblock
    with django_db_blocker.unblock():
        transaction.set_rollback(True)
        outer.__exit__(None, None, None)
